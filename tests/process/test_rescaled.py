"""Systems that do not preserve variance are GUD's finite-variance process in other units.

Every paper here has dx_i = F̃_i x_i dt + √β_i dw (GUD, eq. 9) with x_i(t) = a_i(t) x_i(0) + s_i(t) ε. Its a and s
are written out below, without γ. What it does in x, the compiled process does in χ = x/√(a² + s²): the stochastic
differential equation, the likelihood by the probability flow and the steps of the samplers agree.
"""

import itertools
import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from gudspec.engine.prepare import open_data
from gudspec.process.bases import wavelet_levels
from gudspec.process.noising import alpha, beta, sigma
from gudspec.program.design import Design, Statistics
from gudspec.program.steps import Move, ancestral_step, ddim_step
from gudspec.spec.load import loads
from gudspec.verify.gaussian import gaussian_data
from gudspec.verify.programs import check_likelihood

SHAPE = (4, 4, 1)
LEVELS = wavelet_levels(SHAPE, 2).ravel()  # 2 is the finest
RATES = ((np.pi * np.arange(4) / 4) ** 2)[:, None] + (np.pi * np.arange(4) / 4) ** 2
ONE = np.ones(16)

Coefficients = Callable[[float], tuple[np.ndarray, np.ndarray]]
"""a and s of every component at a time, [16] each."""


def edm(t: float) -> tuple[np.ndarray, np.ndarray]:
    """arXiv:2206.00364, eq. 5: nothing is attenuated."""
    return ONE, ONE * (0.01 ** (1 / 7) + t * (20 ** (1 / 7) - 0.01 ** (1 / 7))) ** 7


def ve(t: float) -> tuple[np.ndarray, np.ndarray]:
    """arXiv:2011.13456, eq. 30."""
    return ONE, ONE * 0.01 * (20 / 0.01) ** t


def blurring(t: float) -> tuple[np.ndarray, np.ndarray]:
    """arXiv:2209.05557, App. A: frequencies shrink by heat dissipation, and the cosine schedule by both."""
    blur = np.exp(-RATES.ravel() * (2 * np.sin(t * np.pi / 2) ** 2) ** 2 / 2) * (1 - 0.05) + 0.05
    stop = np.arctan(np.exp(-0.5 * 8))
    log_snr = -2 * np.log(np.tan((np.arctan(np.exp(0.5 * 8)) - stop) * t + stop))
    return blur / np.sqrt(1 + np.exp(-log_snr)), ONE / np.sqrt(1 + np.exp(log_snr))


def _shared(t: float) -> tuple[float, float]:
    """√ᾱ and √(1 − ᾱ) of the schedule that the staged papers share: log(1 − ᾱ)/ᾱ from −8 to 6."""
    gamma = -8 + 14 * t
    return 1 / math.sqrt(1 + math.exp(gamma)), 1 / math.sqrt(1 + math.exp(-gamma))


def dvdp(t: float) -> tuple[np.ndarray, np.ndarray]:
    """arXiv:2211.16032: λ̄_i is √ᾱ times what is left of subspace i, smoothly down to the residual."""
    a, s = _shared(t)
    left = np.ones(16)
    for level, start, stop in ((2, 0.0, 0.4), (1, 0.4, 0.8)):
        u = min(max((t - start) / (stop - start), 0.0), 1.0)
        left[level == LEVELS] = 0.01 ** (3 * u**2 - 2 * u**3)
    return a * left, s * ONE


def fdm(t: float) -> tuple[np.ndarray, np.ndarray]:
    """arXiv:2210.04955: during a stage an image moves in a straight line to its average-pooled self."""
    a, s = _shared(t)
    left = np.ones(16)
    for level, start, stop in ((2, 0.0, 0.4), (1, 0.4, 0.8)):
        left[level == LEVELS] = max(1 - max((t - start) / (stop - start), 0.0), 0.01)
    return a * left, s * ONE


def fdm_blur(t: float) -> tuple[np.ndarray, np.ndarray]:
    """The same towards its blurred selves, of widths 0.5 and 1."""
    a, s = _shared(t)
    widths, u = ((0.0, 0.5), t / 0.4) if t <= 0.4 else ((0.5, 1.0), min((t - 0.4) / 0.4, 1.0))
    first, second = (np.exp(-RATES.ravel() * width**2 / 2) for width in widths)
    return a * np.maximum((1 - u) * first + u * second, 0.01), s * ONE


STAGED = "base: {kind: linear, gamma: {min: -8, max: 6}}, turning: [0.4, 0.8], residual: 0.01"
SYSTEMS: dict[str, tuple[Coefficients, str, str]] = {
    "edm": (edm, "pixel", "edm, sigma_min: 0.01, sigma_max: 20"),
    "ve": (ve, "pixel", "ve, sigma_max: 20"),
    "blurring": (blurring, "dct", "blurring, sigma_blur: 2, d_min: 0.05, gamma: {min: -8, max: 8}"),
    "dvdp": (dvdp, "haar, levels: 2", f"dvdp, {STAGED}"),
    "fdm": (fdm, "haar, levels: 2", f"fdm, {STAGED}"),
    "fdm_blur": (fdm_blur, "dct", f"fdm_blur, {STAGED}, widths: [0.5, 1]"),
}
KINKS = (0.0, 0.396, 0.4, 0.796, 0.8, 1.0)
"""Between these all are smooth; f-DM's lines meet the residual at 0.396 and 0.796."""


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> tuple[Coefficients, str]:
    """The paper's a and s, and the spec."""
    coefficients, basis, schedule = SYSTEMS[request.param]
    return (
        coefficients,
        f"""
        gudspec: 1
        name: {request.param}
        data: {{source: {{kind: gaussian_field, size: 4, count: 512}}}}
        design: {{basis: {{kind: {basis}}}, schedule: {{kind: {schedule}}}}}
    """,
    )


def drift_and_noise(coefficients: Coefficients, t: float) -> tuple[np.ndarray, np.ndarray]:
    """F̃ = d log a/dt and β = ds²/dt − 2F̃s² of (9), from a and s by differences on one side of every kink."""
    h = 1e-5
    low, high = max(max(k for k in KINKS if k <= t), t - h), min(min(k for k in (*KINKS, 2) if k > t), 1.0, t + h)
    (a0, s0), (a1, s1), (_, s) = coefficients(low), coefficients(high), coefficients(t)
    drift = (np.log(a1) - np.log(a0)) / (high - low)
    return drift, (s1**2 - s0**2) / (high - low) - 2 * drift * s**2


def compiled(text: str, t: float) -> tuple[np.ndarray, np.ndarray]:
    """γ and γ̇ of the spec's path, [16] each."""
    statistics = Statistics(np.zeros(SHAPE), np.zeros((0, 0)), np.ones(SHAPE), np.array([1e-3, 10.0]))
    path = Design(loads(text).design, SHAPE).path(statistics)
    found = (path.groups.expand(of(np.array([t]), {})) for of in (path.gamma, path.gamma_dot))
    gamma, speed = (np.broadcast_to(values, (1, *SHAPE)).ravel() for values in found)
    return gamma, speed


@pytest.mark.parametrize("t", [0.03, 0.2, 0.55, 0.7, 0.95])
def test_the_equation_is_the_same(system: tuple[Coefficients, str], t: float) -> None:
    """With n² = a² + s²: dχ = (F̃ − ṅ/n)χ dt + √β/n dw is (14), of the spec's own β."""
    coefficients, text = system
    a, s = coefficients(t)
    norm = np.hypot(a, s)
    gamma, speed = compiled(text, t)
    np.testing.assert_allclose(alpha(gamma), a / norm, rtol=1e-6)
    np.testing.assert_allclose(sigma(gamma), s / norm, rtol=1e-6)
    drift, noise = drift_and_noise(coefficients, t)
    ours = beta(gamma, speed)
    np.testing.assert_allclose(noise / norm**2, ours, rtol=1e-4, atol=1e-6)
    growth = (np.log(np.hypot(*coefficients(t + 1e-5))) - np.log(np.hypot(*coefficients(t - 1e-5)))) / 2e-5
    np.testing.assert_allclose(drift - growth, -0.5 * ours, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_the_likelihood_is_the_same(system: tuple[Coefficients, str]) -> None:
    """The paper's probability flow dx/dt = F̃x − ½β∇log p, solved by SciPy in x, on Gaussian data of known score."""
    coefficients, text = system
    data = gaussian_data(open_data(loads(text)))
    covariance = data.covariance  # of the components, in the paper's units as well: a(0) and the prior's scale are 1

    def flow(t: float, state: np.ndarray) -> np.ndarray:
        a, s = coefficients(t)
        drift, noise = drift_and_noise(coefficients, t)
        score = -np.linalg.inv(a[:, None] * covariance * a + np.diag(s**2))
        matrix = np.diag(drift) - 0.5 * noise[:, None] * score
        return np.append(matrix @ state[:-1].reshape(16, 16), np.trace(matrix))

    start, stop = (np.hypot(*coefficients(t)) for t in (0.0, 1.0))
    state = np.append(np.diag(start), np.log(start).sum())  # clean data, in the units of t = 0
    for low, high in itertools.pairwise(KINKS):
        inside = np.nextafter(high, 0)  # the last value belongs to this piece
        state = solve_ivp(flow, (low, inside), state, rtol=1e-8, atol=1e-10, method="LSODA").y[:, -1]
    moved = state[:-1].reshape(16, 16)
    end = moved @ covariance @ moved.T / np.outer(stop, stop)
    nats = 0.5 * (16 * np.log(2 * np.pi) + np.trace(end)) + np.log(stop).sum() - state[-1]
    (check,) = check_likelihood(data)
    assert check.measured == pytest.approx(nats / (16 * np.log(2)), abs=1e-3)


@pytest.mark.parametrize(("t", "s"), [(0.9, 0.85), (0.6, 0.3), (0.35, 0.05)])
def test_ancestral_steps_are_the_same(system: tuple[Coefficients, str], t: float, s: float) -> None:
    """q(x_s | x_t, x̂) of a Gaussian process with any a and s (arXiv:2209.05557, eqs. 6 and 7), then back to χ."""
    coefficients, text = system
    (a_t, s_t), (a_s, s_s) = coefficients(t), coefficients(s)
    chi, epsilon, noise = np.random.default_rng(0).normal(size=(3, 16))
    x = chi * np.hypot(a_t, s_t)
    clean = (x - s_t * epsilon) / a_t
    ratio = a_t / a_s
    between = s_t**2 - ratio**2 * s_s**2
    variance = 1 / (1 / s_s**2 + ratio**2 / between)
    expected = variance * (ratio / between * x + a_s / s_s**2 * clean) + np.sqrt(variance) * noise
    found = step(ancestral_step(), text, (t, s), chi, epsilon, noise)
    np.testing.assert_allclose(found, expected / np.hypot(a_s, s_s), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ["edm", "ve"])
def test_euler_steps_in_sigma_are_ddim(name: str) -> None:
    """EDM, Alg. 1 without its second evaluation: x + (σ_s − σ_t)(x − D(x))/σ_t."""
    coefficients, basis, schedule = SYSTEMS[name]
    text = f"gudspec: 1\nname: a\ndata: {{source: {{kind: digits}}}}\ndesign: {{schedule: {{kind: {schedule}}}}}"
    assert basis == "pixel"
    (_, s_t), (_, s_s) = coefficients(0.7), coefficients(0.6)
    chi, epsilon = np.random.default_rng(1).normal(size=(2, 16))
    x = chi * np.hypot(1, s_t)
    clean = x - s_t * epsilon
    expected = x + (s_s - s_t) * (x - clean) / s_t
    found = step(ddim_step(0.0), text, (0.7, 0.6), chi, epsilon, np.zeros(16))
    np.testing.assert_allclose(found, expected / np.hypot(1, s_s), rtol=1e-3, atol=1e-4)


def step(method, text: str, times: tuple[float, float], chi, epsilon, noise) -> np.ndarray:
    """χ after one step of a sampler whose denoiser answers `epsilon`, [16]."""

    def shaped(values):
        return jnp.asarray(values.reshape(1, *SHAPE), jnp.float32)

    gamma_t, gamma_s = (shaped(compiled(text, t)[0]) for t in times)
    drawn = jnp.broadcast_to(shaped(noise), (method.draws, 1, *SHAPE))
    moved, _ = method.step(
        lambda *_: shaped(epsilon),
        shaped(chi),
        jnp.zeros((0, 1, *SHAPE)),
        Move(gamma_t, gamma_s, jnp.zeros(2), jnp.float32(0)),
        drawn,
    )
    return np.asarray(moved, float).ravel()
