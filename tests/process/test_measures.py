"""Training measures: where they draw, and that their density turns averages into integrals over γ."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process import measures
from gudspec.process.groups import Groups
from gudspec.process.orderings import Fixed
from gudspec.process.paths import Linear, Sequential

SHAPE = (1, 4, 1)
LOW, HIGH = -9.0, 5.0
COLUMNS = Sequential(Groups.columns(SHAPE), Fixed(jnp.arange(4.0)), jnp.float32(LOW), jnp.float32(HIGH))
LINE = Linear(Groups.single(SHAPE), jnp.float32(LOW), jnp.float32(HIGH))
KEY = jax.random.key(0)
MANY = 200_000


def walk(low_discrepancy: bool = False) -> measures.PathMeasure:
    return measures.PathMeasure(COLUMNS, {"inverse_softness": (0.2, 0.8)}, low_discrepancy)


@pytest.mark.parametrize(
    "measure", [measures.PathMeasure(LINE, {}), measures.Independent(walk()), walk(True), walk()], ids=str
)
def test_the_density_integrates_over_gamma(measure: measures.Measure) -> None:
    """E[γ̇ f(γ)] = ∫ f dγ from the path's start to its end, for every group."""
    states = measure.sample(KEY, MANY)
    for f, integral in ((jnp.ones_like, HIGH - LOW), (jnp.sin, np.cos(LOW) - np.cos(HIGH))):
        np.testing.assert_allclose((states.gamma_dot * f(states.gamma)).mean(0), integral, atol=0.15)


def test_lognormal_is_that_of_edm() -> None:
    states = measures.LogNormal(Groups.columns((1, 3, 1)), -1.2, 1.2).sample(KEY, MANY)
    ratio = np.asarray(states.gamma) / 2  # log σ/α
    assert states.gamma.shape == (MANY, 3)
    np.testing.assert_allclose([ratio.mean(), ratio.std()], [-1.2, 1.2], atol=0.01)
    np.testing.assert_array_equal(states.gamma[:, 0], states.gamma[:, 2])
    inside = np.abs(ratio[:, 0] + 1.2) < 2.4  # ∫ dγ over two deviations on each side
    np.testing.assert_allclose((np.asarray(states.gamma_dot)[:, 0] * inside).mean(), 2 * 4.8, rtol=0.02)


def test_low_discrepancy_varies_less() -> None:
    def spread(low_discrepancy: bool) -> float:
        measure = measures.PathMeasure(LINE, {}, low_discrepancy)
        return float(np.std([measure.sample(jax.random.key(i), 16).gamma.mean() for i in range(50)]))

    assert spread(True) < 0.3 * spread(False)


def test_independent_levels_are_independent() -> None:
    gamma = np.asarray(measures.Independent(walk()).sample(KEY, MANY).gamma)
    correlation = np.corrcoef(gamma.T) - np.eye(4)
    assert np.abs(correlation).max() < 0.02
    np.testing.assert_allclose([gamma.min(), gamma.max()], [LOW, HIGH], atol=1e-2)


def test_masks_hold_what_is_known_clean() -> None:
    states = measures.Masked(walk(), Groups.columns(SHAPE), -14.0).sample(KEY, 20_000)
    known = np.asarray(states.gamma) == -14.0
    np.testing.assert_allclose(known.mean(), 0.5, atol=0.01)
    share = known.mean(1)  # every share is as likely: from all unknown to all known
    assert np.all(np.bincount((share * 4).astype(int), minlength=5) > 2000)
    assert not np.asarray(states.gamma_dot)[known].any()  # no loss where nothing is to be predicted
    assert np.asarray(states.gamma)[~known].min() >= LOW


def test_a_mixture_has_its_shares() -> None:
    parts = [
        measures.LogNormal(Groups.columns(SHAPE), 10.0, 0.1),
        measures.LogNormal(Groups.columns(SHAPE), -10.0, 0.1),
    ]
    states = measures.Mixture(parts, (3.0, 1.0)).sample(KEY, 20_000)
    np.testing.assert_allclose((states.gamma > 0).mean(), 0.75, atol=0.01)
    assert (states.gamma[:, :1] == states.gamma).all()


def test_masks_may_be_finer_than_the_path() -> None:
    """Parts of one group of the path are known one by one; what is unknown in a row still shares its noise level."""
    inner = measures.PathMeasure(LINE, {})
    measure = measures.Mixture([measures.Masked(inner, Groups.columns(SHAPE), -14.0), inner], (1.0, 1.0))
    states = measure.sample(KEY, 20_000)
    gamma = np.asarray(states.gamma)
    known = gamma == -14
    assert measure.groups.count == 4
    assert 0.2 < known.mean() < 0.3  # half of the examples have masks, which hold half on average
    assert (known.any(1) & ~known.all(1)).mean() > 0.2
    unknown = np.where(known, np.nan, gamma)[~known.all(1)]
    np.testing.assert_array_equal(np.nanmax(unknown, 1), np.nanmin(unknown, 1))
    assert not np.asarray(states.gamma_dot)[known].any()
