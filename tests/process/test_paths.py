"""Every path: monotone, its derivative true, its breakpoints where it bends; values against hand and closed forms."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process import orderings, paths
from gudspec.process.bases import frequencies
from gudspec.process.groups import Groups
from gudspec.process.noising import alpha, beta, log_snr, sigma

SHAPE = (8, 8, 1)
VARIANCE = np.array([10.0, 1.0, 0.01])
T = np.array([0.0, 0.25, 0.5, 1.0])
THREE = Groups.components((1, 3, 1))


def soft(
    a: float, *, whitened: bool = False, noise: float = 3.0, sigma_min: float | None = None
) -> tuple[paths.Path, dict]:
    log_variance = np.zeros(3) if whitened else np.log(VARIANCE)
    ordering = orderings.Fixed(-np.log(VARIANCE))
    return paths.SoftLinear(THREE, log_variance, ordering, -7.0, noise, sigma_min), {"inverse_softness": a}


def every_path(xp) -> dict[str, tuple[paths.Path, dict]]:
    """One path of each kind with typical parameters."""
    columns = Groups.columns(SHAPE)
    order = orderings.Fixed(xp.arange(8.0))
    frequency = frequencies(SHAPE).ravel()
    mixture = orderings.Mixture(xp.asarray(np.log(1 + frequency)), xp.asarray(frequency))
    low, high = xp.asarray(-9.0), xp.asarray(5.0)
    hierarchical = paths.level_columns(SHAPE, 2, True)
    shared, rates = paths.Linear(Groups.single(SHAPE), low, high), paths.dissipation_rates(SHAPE)
    levels, stages = paths.dropped_levels(SHAPE, 2, 2), (np.array([0.0, 0.3]), np.array([0.3, 0.7]))
    knots = xp.asarray([0.1, 0.5, 0.9])
    return {
        "linear": (paths.Linear(Groups.single(SHAPE), low, high), {}),
        "vp": (paths.VariancePreserving(Groups.single(SHAPE), 0.1, 20.0, 1e-3), {}),
        "cosine": (paths.Cosine(Groups.single(SHAPE), 0.008, low, high), {}),
        "soft_linear": (
            paths.SoftLinear(Groups.components(SHAPE), -xp.asarray(np.log(1 + frequency)), mixture, -7.0, 3.0, 0.99),
            {"inverse_softness": xp.asarray(0.7), "ordering.r": xp.asarray(0.4)},
        ),
        "sequential": (paths.Sequential(columns, order, low, high), {"inverse_softness": xp.asarray(0.6)}),
        "hierarchical": (
            paths.Hierarchical(*hierarchical, low, high),
            {"inverse_softness.levels": xp.asarray(0.5), "inverse_softness.columns": xp.asarray(0.3)},
        ),
        "ddpm": (paths.Ddpm(Groups.single(SHAPE), np.linspace(1e-4, 0.02, 1000)), {}),
        "edm": (paths.Edm(Groups.single(SHAPE), 0.002, 80.0, 7.0), {}),
        "ve": (paths.geometric(Groups.single(SHAPE), 0.01, 50.0), {}),
        "rescaled_cosine": (paths.RescaledCosine(Groups.single(SHAPE), -10 * xp.ones(()), 10 * xp.ones(())), {}),
        "rg_cutoff": (
            paths.RgCutoff(Groups.components(SHAPE), 2 * np.log(1 + frequency), low, xp.asarray(7.0), 1.5),
            {},
        ),
        "blurring": (paths.Blurring(Groups.components(SHAPE), shared, rates.ravel(), 20.0, 1e-3), {}),
        "dvdp": (paths.Dvdp(levels, shared, *stages, 1e-3), {}),
        "fdm": (paths.AveragePool(levels, shared, *stages, 2e-2), {}),
        "fdm_blur": (
            paths.ProgressiveBlur(
                Groups.components(SHAPE), shared, rates.ravel(), np.array([0, 0.4, 0.8]), np.array([0, 1.0, 2.5]), 2e-2
            ),
            {},
        ),
        "subspace": (paths.Subspace(levels, shared, stages[1] - 0.1, stages[1], 1e-3), {}),
        "learned": (paths.Learned(columns, xp.sin(xp.arange(40.0)).reshape(5, 8) * 3, low, high), {}),
        "knots": (
            paths.Knots(Groups.columns((1, 2, 1)), knots, xp.asarray([[-9.0, -8.0], [-8.0, 1.0], [5.0, 1.0]])),
            {},
        ),
    }


KINDS = list(every_path(np))


@pytest.mark.parametrize("kind", KINDS)
def test_monotone_with_true_derivative(kind: str) -> None:
    path, parameters = every_path(np)[kind]
    breaks = path.breakpoints(parameters)
    t = np.linspace(0, 1, 2001)
    t = t[np.abs(t[:, None] - breaks).min(1) > 2e-6] if len(breaks) else t
    t = t[(t > 1e-3) & (t < 1 - 1e-3)]
    gamma, step = path.gamma(t, parameters), 1e-6
    assert gamma.shape == (len(t), path.groups.count)
    assert np.all(np.diff(gamma, axis=0) >= -1e-12)
    numeric = (path.gamma(t + step, parameters) - path.gamma(t - step, parameters)) / (2 * step)
    np.testing.assert_allclose(path.gamma_dot(t, parameters), numeric, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "kind", ["sequential", "hierarchical", "cosine", "fdm", "fdm_blur", "subspace", "knots", "learned"]
)
def test_breakpoints_are_the_only_kinks(kind: str) -> None:
    """γ is twice differentiable between neighbouring breakpoints, and the derivative jumps at every one of them."""
    path, parameters = every_path(np)[kind]
    breaks = np.unique(np.clip(path.breakpoints(parameters), 0, 1).round(12))
    for at in breaks[(breaks > 1e-6) & (breaks < 1 - 1e-6)]:
        before, after = path.gamma_dot(np.array([at - 1e-7, at + 1e-7]), parameters)
        assert np.abs(before - after).max() > 1e-2, at
    if kind not in ("cosine", "fdm", "fdm_blur"):  # piecewise linear: the derivative is constant in between
        edges = np.unique(np.concatenate([[0.0], breaks, [1.0]]))
        for left, right in itertools.pairwise(edges):
            inside = left + (right - left) * np.array([0.01, 0.3, 0.99])
            slopes = path.gamma_dot(inside, parameters)
            np.testing.assert_allclose(slopes, slopes[:1].repeat(3, 0), rtol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_one_formula_in_both_namespaces(kind: str) -> None:
    (ours, mine), (theirs, yours) = every_path(np)[kind], every_path(jnp)[kind]
    t = np.linspace(0.0031, 0.9967, 41)  # off the breakpoints
    for method in ("gamma", "gamma_dot"):
        expected = getattr(ours, method)(t, mine)
        result = getattr(theirs, method)(jnp.asarray(t, jnp.float32), yours)
        np.testing.assert_allclose(result, expected, rtol=2e-4, atol=2e-4, err_msg=method)
    np.testing.assert_allclose(theirs.breakpoints(yours), ours.breakpoints(mine), atol=1e-5)


# ── GUD, Fig. 2: Σ = (10, 1, 0.01), worked by hand ──────────────────────────────────────────────────


def test_fig2a_standard_diffusion() -> None:
    """γ_min = −7 + log 10 + (−log 10 − log 100) = −11.6052 and γ_max = 3 + log 10 = 5.3026, for every component."""
    path, parameters = soft(1.0)
    expected = np.array([-11.60517, -7.378234, -3.151293, 5.302585])
    np.testing.assert_allclose(path.gamma(T, parameters), expected[:, None].repeat(3, 1), atol=1e-5)


def test_fig2a_with_the_rule_for_sigma_min() -> None:
    """γ̃_noise = logit(0.9801) + log 100 = 3.8969 + 4.6052 = 8.5021, so γ_max = 10.8047; whitened, it is 3.8969."""
    path, parameters = soft(1.0, sigma_min=0.99)
    np.testing.assert_allclose(path.gamma(np.ones(1), parameters), 10.80469, atol=1e-4)
    assert sigma(path.gamma(np.ones(1), parameters)).min() >= 0.99
    path, parameters = soft(0.0, whitened=True, sigma_min=0.99)
    np.testing.assert_allclose(path.gamma(np.ones(1), parameters), 3.896935, atol=1e-5)


def test_fig2b_no_hierarchy() -> None:
    """γ_i = −7 + 10 t + log Σ_i: every component has log SNR = 7 − 10 t."""
    path, parameters = soft(0.0)
    expected = np.array([[-4.697415, -7, -11.60517], [-2.197415, -4.5, -9.10517], [0.302585, -2, -6.60517]])
    np.testing.assert_allclose(path.gamma(T[:3], parameters), expected, atol=1e-5)
    np.testing.assert_allclose(log_snr(path.gamma(T, parameters), VARIANCE), (7 - 10 * T)[:, None].repeat(3, 1))


def test_fig2c_whitened_has_the_snr_of_standard_diffusion() -> None:
    """γ_i(0) = −7 + l_i − log 100 and γ_i(1) = 3 + l_i + log 10, with l = (−log 10, 0, log 100)."""
    path, parameters = soft(1.0, whitened=True)
    expected = np.array([[-13.907755, -11.60517, -7.0], [3.0, 5.302585, 9.907755]])
    np.testing.assert_allclose(path.gamma(np.array([0.0, 1.0]), parameters), expected, atol=1e-5)
    standard, same = soft(1.0)
    unwhitened = log_snr(standard.gamma(T, same), VARIANCE)
    np.testing.assert_allclose(log_snr(path.gamma(T, parameters), np.ones(3)), unwhitened, atol=1e-9)


def test_fig2d_whitened_no_hierarchy() -> None:
    path, parameters = soft(0.0, whitened=True)
    np.testing.assert_allclose(path.gamma(T, parameters), np.array([-7.0, -4.5, -2.0, 3.0])[:, None].repeat(3, 1))


def test_soft_linear_with_a_flat_spectrum_is_scalar() -> None:
    flat = paths.SoftLinear(THREE, np.zeros(3), orderings.Fixed(np.zeros(3)), -7.0, 3.0, None)
    np.testing.assert_allclose(flat.gamma(T, {"inverse_softness": 2.0}), (-7 + 10 * T)[:, None].repeat(3, 1))


# ── GUD, Fig. 4 (c), (d) ────────────────────────────────────────────────────────────────────────────


def test_fig4c_columns() -> None:
    """L = 5, b = 0.5: t_i = 0.5 (5 − i)/4; column 1 starts at 0.5, column 5 at 0, each takes 0.5."""
    groups = Groups.columns((2, 5, 1))
    path = paths.Sequential(groups, orderings.Fixed(np.arange(5)), -10.0, 10.0)
    expected = [
        [-10, -10, -10, -10, -10],
        [-10, -10, -10, -5, 0],  # column 4 began at 0.125 and is a quarter of the way
        [-10, -5, 0, 5, 10],
        [10, 10, 10, 10, 10],
    ]
    np.testing.assert_allclose(path.gamma(T, {"inverse_softness": 0.5}), expected, atol=1e-9)


@pytest.mark.parametrize("count", [2, 5, 32])
def test_sequential_groups_stop_overlapping_at_l_minus_one_over_l(count: int) -> None:
    path = paths.Sequential(Groups.columns((1, count, 1)), orderings.Fixed(np.arange(count)), -10.0, 10.0)
    for b, overlap in (((count - 1) / count + 1e-6, False), ((count - 1) / count - 1e-2, True)):
        start, stop = path.windows({"inverse_softness": b})
        assert (stop[1:] > start[:-1]).any() == overlap  # group i + 1 is still active when group i starts


def test_single_group_needs_no_offset() -> None:
    path = paths.Sequential(Groups.single((1, 1, 1)), orderings.Fixed(np.zeros(1)), -10.0, 10.0)
    assert np.isfinite(path.gamma(T, {"inverse_softness": 0.5})).all()


def test_fig4d_levels_and_columns() -> None:
    """8×8, N = 2, a = b = 0.5: c = (0.5, 0); level 1 has 2 columns, c_1j = (0.5, 0); level 2 has 4, (½, ⅓, ⅙, 0)."""
    groups, table = paths.level_columns(SHAPE, 2, False)
    path = paths.Hierarchical(groups, table, -10.0, 10.0)
    assert table.tolist() == [[0, 0, 2], [0, 1, 2], [1, 0, 4], [1, 1, 4], [1, 2, 4], [1, 3, 4]]
    expected = [
        # coarse: t¹ = clip(2(t − ½)), fine: t² = clip(2t); then γ = −10 + 40 (tⁱ − c_ij), clipped
        [-10, -10, -10, -10, -10, -10],
        [-10, -10, -10, -10 + 40 / 6, -10 + 40 / 3, 10],
        [-10, -10, 10, 10, 10, 10],
        [10, 10, 10, 10, 10, 10],
    ]
    parameters = {"inverse_softness.levels": 0.5, "inverse_softness.columns": 0.5}
    np.testing.assert_allclose(path.gamma(T, parameters), expected, atol=1e-9)


def test_hierarchical_degenerate_levels_are_defined() -> None:
    """One level, and levels with a single column: their offsets are 0."""
    for shape, levels, separate in (((2, 2, 1), 1, False), ((2, 2, 1), 1, True), ((8, 8, 1), 3, True)):
        path = paths.Hierarchical(*paths.level_columns(shape, levels, separate), -10.0, 10.0)
        gamma = path.gamma(T, {"inverse_softness.levels": 0.9, "inverse_softness.columns": 0.9})
        assert np.isfinite(gamma).all()
        np.testing.assert_allclose(gamma[[0, -1]], [[-10.0] * path.groups.count, [10.0] * path.groups.count], atol=1e-9)


# ── other papers ────────────────────────────────────────────────────────────────────────────────────


def test_vp_is_the_published_sde() -> None:
    """ᾱ(τ) = exp(−∫β), by quadrature of β(τ) = 0.1 + 19.9 τ."""
    path, parameters = every_path(np)["vp"]
    for t in (0.01, 0.1, 0.5, 0.9, 1.0):
        tau = np.linspace(0, 1e-3 + (1 - 1e-3) * t, 20001)
        integral = np.trapezoid(0.1 + 19.9 * tau, tau)
        gamma = path.gamma(np.array([t]), parameters)
        np.testing.assert_allclose(alpha(gamma) ** 2, np.exp(-integral), rtol=1e-6)
    beta_end = beta(path.gamma(np.ones(1), parameters), path.gamma_dot(np.ones(1), parameters))
    np.testing.assert_allclose(beta_end, 20.0 * (1 - 1e-3), rtol=1e-6)


def test_cosine_is_the_published_schedule() -> None:
    path = paths.Cosine(Groups.single(SHAPE), 0.008, -13.0, 9.0)
    f = lambda t: np.cos(0.5 * np.pi * (t + 0.008) / 1.008) ** 2  # noqa: E731
    t = np.array([0.01, 0.1, 0.5, 0.9, 0.98])
    np.testing.assert_allclose(alpha(path.gamma(t, {}))[:, 0] ** 2, f(t) / f(0), rtol=1e-9)
    np.testing.assert_allclose(path.gamma(np.array([0.0, 1.0]), {})[:, 0], [-13.0, 9.0], atol=1e-9)


def test_learned_path_starts_straight_and_has_gradients() -> None:
    columns = Groups.columns(SHAPE)
    path = paths.Learned(columns, np.zeros((4, 8)), -9.0, 5.0)
    t = jnp.linspace(0, 1, 9)
    np.testing.assert_allclose(path.gamma(t, {}), (-9 + 14 * t)[:, None].repeat(8, 1), atol=1e-5)

    def value(rises: jnp.ndarray) -> jnp.ndarray:
        path = paths.Learned(columns, rises, -9.0, 5.0)
        return path.gamma(jnp.array([0.3]), {}).sum() + path.gamma_dot(jnp.array([0.3]), {}).sum()

    gradient = jax.grad(value)(jnp.zeros((4, 8)))
    assert np.isfinite(gradient).all()
    assert (gradient[1] > 0).all()  # to rise more in the piece around t = 0.3
    bent = paths.Learned(columns, 30 * jnp.sin(jnp.arange(32.0)).reshape(4, 8), -9.0, 5.0)
    ends = bent.gamma(jnp.array([0.0, 1.0]), {})
    np.testing.assert_allclose(ends, jnp.array([[-9.0], [5.0]]).repeat(8, 1), atol=1e-5)


def test_ordering_mixture_spans_one_range() -> None:
    """At r = 1, (|k| + δ)/κ with κ = Δ|k|/Δ(−log Σ) and δ = κ min(−log Σ) − min|k|."""
    l0, k = np.array([-2.0, 1.0, 3.0]), np.array([0.0, 1.0, 5.0])
    mixture = orderings.Mixture(l0, k)
    np.testing.assert_allclose(mixture.values({"ordering.r": 0.0}), l0)
    kappa = np.ptp(k) / np.ptp(l0)
    delta = kappa * l0.min() - k.min()
    np.testing.assert_allclose(mixture.values({"ordering.r": 1.0}), (k + delta) / kappa)
    np.testing.assert_allclose(mixture.values({"ordering.r": 0.3}), 0.7 * l0 + 0.3 * (k + delta) / kappa)


def test_groups_refine_what_contains_them() -> None:
    columns, components, single = Groups.columns(SHAPE), Groups.components(SHAPE), Groups.single(SHAPE)
    assert components.refines(columns)
    assert columns.refines(single)
    assert not columns.refines(Groups.rows(SHAPE))
    assert not single.refines(columns)
    values = np.arange(8.0)[None]
    np.testing.assert_array_equal(columns.pick(columns.expand(values)), values)
