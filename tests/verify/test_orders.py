"""How fast the samplers converge, on paths whose components move at different times; kinks are on the grid."""

import numpy as np
import pytest

from gudspec.spec.models import samplers as spec
from gudspec.verify.propagate import Propagator, wasserstein
from gudspec.verify.table import COUNTS, sampler_table, table
from tests.verify.test_verify import make

DESIGNS = {
    "columns, clipped": "{schedule: {kind: sequential, inverse_softness: 0.5, gamma: {min: -7, max: 5}}}",
    "levels, clipped": "{basis: {kind: haar, levels: 2}, schedule: {kind: hierarchical, gamma: {min: -7, max: 5}}}",
    "variances, clipped": "{basis: {kind: pca}, schedule: {kind: soft_linear, inverse_softness: 0.5}}",
    "one for all": "{schedule: {kind: linear, gamma: {min: -7, max: 5}}}",
}
SAMPLERS = {
    "euler": (spec.Ode(kind="ode", solver="euler"), 1),
    "ddim": (spec.Ddim(kind="ddim"), 1),
    "ancestral": (spec.Ancestral(kind="ancestral"), 1),
    "euler_maruyama": (spec.EulerMaruyama(kind="euler_maruyama"), 1),
    "heun": (spec.Ode(kind="ode", solver="heun"), 2),
    "dpm 2M": (spec.Dpm(kind="dpm"), 2),
    "dpm 3M": (spec.Dpm(kind="dpm", order=3), 2),
    "stochastic_heun": (spec.StochasticHeun(kind="stochastic_heun"), 2),
}


@pytest.fixture(scope="module", params=DESIGNS)
def propagator(request: pytest.FixtureRequest) -> tuple[Propagator, np.ndarray]:
    data = make(DESIGNS[request.param])
    return Propagator(data), data.diffused(0.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_order_of_convergence(propagator: tuple[Propagator, np.ndarray], name: str) -> None:
    """Twice the steps, 2^order times less error: over the last two doublings that float32 resolves."""
    (walk, expected), (sampler, order) = propagator, SAMPLERS[name]
    third = name == "dpm 3M"  # of order 3 at first, and soon below what float32 resolves
    steps = np.array([48, 96, 192, 384, 768]) // (8 if third else 1)
    errors = [np.linalg.norm(walk.covariance(sampler.model_copy(update={"steps": n})) - expected) for n in steps]
    resolved = np.array(errors) > 5e-5 * np.linalg.norm(expected)
    measured = -np.polyfit(np.log2(steps[resolved][-3:]), np.log2(np.array(errors)[resolved][-3:]), 1)[0]
    assert order - 0.25 < measured < (np.inf if third else order + 0.25)


@pytest.mark.slow
def test_the_third_estimate_pays() -> None:
    """One γ for all, few steps: 3M errs a fifth of 2M or less."""
    data = make(DESIGNS["one for all"])
    propagator = Propagator(data)
    two, three = (wasserstein(data, propagator.covariance(spec.Dpm(kind="dpm", steps=24, order=n))) for n in (2, 3))
    assert three < 0.2 * two


def test_distance_is_that_of_gelbrich() -> None:
    """The textbook formula, by SciPy's matrix root, on covariances far apart."""
    from scipy.linalg import sqrtm

    data = make(DESIGNS["columns, clipped"])
    rng = np.random.default_rng(0)
    other = rng.normal(size=(16, 20))
    other = other @ other.T / 20
    scale = np.asarray(data.process.scale, float).ravel()
    one, two = (scale * matrix * scale[:, None] for matrix in (other, data.diffused(0.0)))
    root = np.real(sqrtm(one))
    squared = np.trace(one + two - 2 * np.real(sqrtm(root @ two @ root)))
    assert wasserstein(data, other) == pytest.approx(np.sqrt(squared / np.trace(two)), rel=1e-5)


@pytest.mark.slow
def test_where_windows_overlap_ten_times_fewer_evaluations_do() -> None:
    rows = list(sampler_table(make("{basis: {kind: pca}, schedule: {kind: soft_linear, inverse_softness: 0.5}}")))
    by_name = {(row.sampler, row.grid): row for row in rows}
    reference = by_name["euler_maruyama", "uniform"]
    assert reference.matches == COUNTS[-1]
    assert min(row.matches for row in rows if row.matches) <= 100
    for row in rows:
        errors = [error for error in row.errors.values() if error is not None]
        assert errors[-1] < errors[0]
    assert "best here: " in table(rows)
