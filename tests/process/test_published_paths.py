"""Every path that another paper has defined, against that paper's own α and σ, written out independently."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft

from gudspec.process import orderings, paths
from gudspec.process.bases import Dct, Haar, frequencies, wavelet_levels
from gudspec.process.groups import Groups
from gudspec.process.noising import alpha
from gudspec.program.design import Design, Statistics
from gudspec.spec.load import loads

SHAPE = (8, 8, 1)
T = np.array([0.03, 0.25, 0.5, 0.77, 1.0])
STATISTICS = Statistics(np.zeros(SHAPE), np.zeros((0, 0)), np.ones(SHAPE), np.array([1e-3, 10.0]))
LINEAR = -9 + 14 * T[:, None, None, None]


def design(schedule: str, basis: str, shape: tuple[int, int, int] = SHAPE) -> Design:
    words = f"{{basis: {{kind: {basis}}}, schedule: {{kind: {schedule}}}}}"
    return Design(loads(f"gudspec: 1\nname: a\ndata: {{source: {{kind: digits}}}}\ndesign: {words}").design, shape)


def compiled(schedule: str, basis: str = "pixel", shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    """γ at times T per component, by way of a spec: [5, H, W, C] or [5, 1, 1, 1]."""
    statistics = STATISTICS._replace(mean=np.zeros(shape), variance=np.ones(shape))
    path = design(schedule, basis, shape).path(statistics)
    return path.groups.expand(path.gamma(T, {}))


def close(gamma: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(gamma, np.broadcast_to(expected, gamma.shape), atol=1e-5)


# ── one noise level ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "betas"),
    [
        ("ddpm", np.linspace(1e-4, 0.02, 1000)),
        ("ddpm, beta: scaled_linear, beta_start: 0.01, beta_end: 0.04, steps: 99", np.linspace(0.1, 0.2, 99) ** 2),
        ("ddpm, betas: [0.1, 0.1, 0.3, 0.2]", np.array([0.1, 0.1, 0.3, 0.2])),
    ],
)  # fmt: skip
def test_ddpm(words: str, betas: np.ndarray) -> None:
    """x_k = √ᾱ_k x_0 + √(1 − ᾱ_k) ε at five steps k; the first and the last are t = 0 and t = 1."""
    steps = len(betas)
    k = np.unique(np.linspace(1, steps, 5).astype(int))
    bar = np.array([np.prod(1 - betas[:n]) for n in k])
    path = paths.Ddpm(Groups.single(SHAPE), betas)
    gamma = path.gamma((k - 1) / (steps - 1), {})[:, 0]
    np.testing.assert_allclose(alpha(gamma), np.sqrt(bar), rtol=1e-9)
    np.testing.assert_allclose(alpha(-gamma), np.sqrt(1 - bar), rtol=1e-9)
    close(compiled(words)[-1], 2 * math.log(math.sqrt(1 - bar[-1]) / math.sqrt(bar[-1])))


def test_ddpm_between_its_steps_stays_between_its_values() -> None:
    path = paths.Ddpm(Groups.single(SHAPE), np.array([0.01, 0.9, 0.01, 0.9, 0.5]))
    t = np.linspace(0, 1, 1001)
    assert (np.diff(path.gamma(t, {})[:, 0]) > 0).all()
    jump = np.abs(np.diff(path.gamma_dot(t, {})[:, 0])).max()
    assert jump < 0.1 * path.gamma_dot(t, {}).max()  # no kinks


def test_edm() -> None:
    """Eq. 5: σ_i = (σ_max^(1/ρ) + i/(N−1) (σ_min^(1/ρ) − σ_max^(1/ρ)))^ρ, with noise first: i/(N−1) = 1 − t."""
    sigma = (80 ** (1 / 7) + (1 - T) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7
    close(compiled("edm")[:, 0, 0, 0], np.log(sigma**2))


def test_ve() -> None:
    close(compiled("ve, sigma_max: 348")[:, 0, 0, 0], 2 * np.log(0.01 * (348 / 0.01) ** T))


# ── frequencies ─────────────────────────────────────────────────────────────────────────────────────


def test_blurring() -> None:
    """The paper's appendix: frequency scaling by heat dissipation in the DCT, times the rescaled cosine schedule."""
    height, width = shape = (8, 6)
    gamma = compiled("blurring", "dct", (*shape, 1))
    for t, found in zip(T, gamma, strict=True):
        time = (20 * np.sin(t * np.pi / 2) ** 2) ** 2 / 2
        rows, columns = (
            np.pi * np.linspace(0, height - 1, height) / height,
            np.pi * np.linspace(0, width - 1, width) / width,
        )
        scaling = np.exp(-(rows[:, None] ** 2 + columns[None] ** 2) * time) * (1 - 0.001) + 0.001
        limit_max = np.arctan(np.exp(-0.5 * 10))
        limit_min = np.arctan(np.exp(-0.5 * -10)) - limit_max
        log_snr = -2 * np.log(np.tan(limit_min * t + limit_max))
        a, sigma = np.sqrt(1 / (1 + np.exp(-log_snr))), np.sqrt(1 / (1 + np.exp(log_snr)))
        close(found[..., 0], 2 * np.log(sigma / (a * scaling)))


def test_blurring_is_heat_dissipation_of_the_image() -> None:
    """Where d_min does not matter, ν is the solution of ∂φ/∂τ = Δφ with insulated edges: α U⁻¹ ν U φ."""
    path = paths.Blurring(Groups.components(SHAPE), paths.Linear(Groups.single(SHAPE), -9.0, 5.0),
                          paths.dissipation_rates(SHAPE).ravel(), 2.0, 1e-9)  # fmt: skip
    nu = np.exp(-0.5 * path.loss(np.array([0.4]))[0]).reshape(SHAPE)
    image = np.random.default_rng(0).normal(size=SHAPE)
    time = 0.5 * (2.0 * np.sin(0.2 * np.pi) ** 2) ** 2
    grid = np.pi * np.arange(8) / 8
    decay = np.exp(-(grid[:, None] ** 2 + grid**2) * time)
    expected = scipy.fft.idctn(decay * scipy.fft.dctn(image[..., 0], norm="ortho"), norm="ortho")
    np.testing.assert_allclose(Dct().inverse(nu * Dct().forward(image))[..., 0], expected, atol=1e-7)


@pytest.mark.parametrize("basis", ["fourier", "dct"])
def test_rg_cutoff(basis: str) -> None:
    """α_k² = sigmoid((log Λ² − log k²)/w) with Λ = Λ_0 e^(−ct), k = 0 read as k_0."""
    gamma = compiled("rg_cutoff, width: 1.5, cutoff: 100, rate: 6, smallest: 0.7", basis)
    rows = np.fft.fftfreq(8, 1 / 8) if basis == "fourier" else np.arange(8) / 2
    k = np.maximum(np.sqrt(rows[:, None] ** 2 + rows**2), 0.7)[..., None]
    for t, found in zip(T, gamma, strict=True):
        cutoff = 100 * np.exp(-6 * t)
        np.testing.assert_allclose(alpha(found) ** 2, 1 / (1 + (k**2 / cutoff**2) ** (1 / 1.5)), rtol=1e-9)


def test_rg_cutoff_is_a_soft_conditioning_schedule() -> None:
    """(20)–(21) with log Σ = 0, l = log k² and a = 1/w; open ends come from γ_min and γ_max."""
    gamma = compiled("rg_cutoff, width: 2, gamma: {min: -7, max: 5}", "fourier")
    log_k2 = 2 * np.log(np.maximum(frequencies(SHAPE), 1.0)).ravel()
    soft = paths.SoftLinear(Groups.components(SHAPE), np.zeros(64), orderings.Fixed(log_k2), -7.0, 5.0, None)
    close(gamma.reshape(5, -1), soft.gamma(T, {"inverse_softness": 0.5}))


# ── wavelet levels ──────────────────────────────────────────────────────────────────────────────────

STAGED = "base: {kind: linear, gamma: {min: -9, max: 5}}, turning: [0.4, 0.9]"
LEVELS = wavelet_levels(SHAPE, 3)  # 3 is the finest


def test_dvdp() -> None:
    """λ̄_i/ᾱ falls from 1 at one turning point to 1e-3 at the next; the subspace that is left is never attenuated."""
    gamma = compiled(f"dvdp, {STAGED}", "haar")
    windows = {3: (0.0, 0.4), 2: (0.4, 0.9)}
    for t, found, base in zip(T, gamma, LINEAR, strict=True):
        for level in range(4):
            ratio = 1.0
            if level in windows:
                start, stop = windows[level]
                u = min(max((t - start) / (stop - start), 0.0), 1.0)
                ratio = 1e-3 ** (3 * u**2 - 2 * u**3)
            a, sigma = ratio / np.sqrt(1 + np.exp(base)), 1 / np.sqrt(1 + np.exp(-base))
            close(found[level == LEVELS], 2 * np.log(sigma / a).ravel())


def test_fdm_moves_images_to_their_average_pooled_selves() -> None:
    """In stage k the signal is α((1 − u) x^k + u x̂^k); x̂ pools by 2×2 means and repeats. Haar details carry 1 − u."""
    gamma = compiled(f"fdm, {STAGED}", "haar")
    image = np.random.default_rng(0).normal(size=SHAPE)
    pooled = [image]
    for size in (2, 4):
        means = image.reshape(8 // size, size, 8 // size, size, 1).mean((1, 3))
        pooled.append(means.repeat(size, 0).repeat(size, 1))
    edges = [0.0, 0.4, 0.9, 1.0]
    for t, found, base in zip(T, gamma, LINEAR, strict=True):
        stage = min(np.searchsorted(edges, t, side="left") - 1, 2)
        u = (t - edges[stage]) / (edges[stage + 1] - edges[stage])
        mean = pooled[2] if stage == 2 else (1 - u) * pooled[stage] + u * pooled[stage + 1]
        ratio = Haar(3).forward(mean) / Haar(3).forward(image)
        gone = (found - base) > -2 * np.log(1e-3) - 1e-9
        close(found[~gone], (base - 2 * np.log(np.abs(np.where(gone, 1.0, ratio))))[~gone])
        assert np.abs(ratio[gone]).max(initial=0) < 1e-9
        close(found[gone], (base * np.ones(SHAPE) - 2 * np.log(1e-3))[gone])  # a finite γ in place of ∞


def test_fdm_blurs_images_in_stages() -> None:
    """In stage k the signal is α((1 − u) x^k + u x^(k+1)), x^k Gaussian blurred: the DCT times e^(−λ s_k²/2)."""
    words = "base: {kind: linear, gamma: {min: -9, max: 5}}, turning: [0.4, 0.9], widths: [0.5, 1]"
    gamma = compiled(f"fdm_blur, {words}", "dct")
    rates = (np.pi * np.arange(8) / 8) ** 2
    rates = rates[:, None, None] + rates[:, None]
    for t, found, base in zip(T, gamma, LINEAR, strict=True):
        widths = (0.0, 0.5) if t <= 0.4 else (0.5, 1.0)
        u = t / 0.4 if t <= 0.4 else min((t - 0.4) / 0.5, 1.0)
        ratio = (1 - u) * np.exp(-rates * widths[0] ** 2 / 2) + u * np.exp(-rates * widths[1] ** 2 / 2)
        close(found, base - 2 * np.log(np.maximum(ratio, 1e-3)))


def test_subspace() -> None:
    """One γ for all before a level is dropped; afterwards it is noise: 1e-6 of the SNR of what is kept."""
    gamma = compiled(f"subspace, {STAGED}", "haar")
    for t, found, base in zip(T, gamma, LINEAR, strict=True):
        dropped = (LEVELS == 3) & (t >= 0.4) | (LEVELS == 2) & (t >= 0.9)
        close(found, base + np.where(dropped, -np.log(1e-6), 0.0))


# ── drawn by hand ───────────────────────────────────────────────────────────────────────────────────


def test_knots() -> None:
    words = "knots, by: levels, times: [0.25, 0.5, 1], values: [[-9, -9, 5], [-9, -1, 5], [-9, 0, 5], [-9, 5, 5]]"
    gamma = compiled(words, "haar")
    for level, row in enumerate([[-9, -9, 5], [-9, -1, 5], [-9, 0, 5], [-9, 5, 5]]):
        close(gamma[:, level == LEVELS], np.interp(T, [0.25, 0.5, 1.0], row)[:, None])
    shared = compiled("knots, by: columns, times: [0, 1], values: [[-9, 5]]")
    close(shared, LINEAR)


def test_all_are_finite_in_single_precision() -> None:
    ends = jnp.array([0.0, 1e-7, 0.4, 0.9, 1 - 1e-7, 1.0], jnp.float32)
    for words, basis in (
        ("ddpm", "pixel"), ("edm", "pixel"), ("ve", "pixel"), ("rg_cutoff", "dct"), ("blurring", "dct"),
        ("fdm_blur", "dct"), (f"dvdp, {STAGED}", "haar"), (f"fdm, {STAGED}", "haar"), (f"subspace, {STAGED}", "haar"),
    ):  # fmt: skip
        statistics = Statistics(*(jnp.asarray(a, jnp.float32) for a in STATISTICS))
        path = design(words, basis).path(statistics)
        for values in (path.gamma(ends, {}), path.gamma_dot(ends, {}), path.breakpoints({})):
            assert values.dtype in (jnp.float32, np.float64, np.float32)
            assert np.isfinite(values).all(), words
        assert (path.gamma_dot(ends, {}) >= 0).all(), words
