"""Groups, orderings and priors: their definitions, and one formula in both namespaces."""

import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process import bases, priors
from gudspec.process.groups import Groups
from gudspec.program.layout import Layout
from gudspec.program.orderings import groups_of_ordering, ordering_of
from gudspec.spec.load import loads

SHAPE = (8, 8, 3)
VARIANCE = np.random.default_rng(0).uniform(0.1, 2, SHAPE).astype(np.float32)
GIVEN = np.broadcast_to(np.random.default_rng(1).permutation(64).reshape(8, 8, 1), SHAPE).astype(np.float32)
CASES = {
    "neg_log_variance": "pca",
    "frequency": "fourier",
    "mixture": "dct",
    "column": "pixel",
    "row": "pixel",
    "patch, size: 4": "pixel",
    "level": "haar",
    "random": "dct",
    "random, colors: separate": "pca",
    "file, path: l.npy": "haar",
    "file, path: l.npy, colors: separate": "fourier",
}


def bound(ordering: str, basis: str, variance=VARIANCE, given=GIVEN, color: bool = False):
    """The groups and the values of an ordering."""
    basis = f"{{kind: color, spatial: {{kind: {basis}}}}}" if color else f"{{kind: {basis}}}"
    design = loads(
        "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\n"
        f"design: {{basis: {basis}, schedule: {{kind: sequential, ordering: {{kind: {ordering}}}}}}}"
    ).design
    layout = Layout(design.basis, SHAPE)
    groups = groups_of_ordering(design.schedule.ordering, layout)
    return groups, ordering_of(design.schedule.ordering, groups, layout, variance, given).values({})


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("ordering", CASES)
def test_one_formula_in_both_namespaces(ordering: str, color: bool) -> None:
    groups, ours = bound(ordering, CASES[ordering], color=color)
    _, theirs = bound(ordering, CASES[ordering], jnp.asarray(VARIANCE), jnp.asarray(GIVEN), color=color)
    assert ours.shape == (groups.count,)
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(theirs, ours, rtol=1e-5)


def test_patches_are_tiles_in_reading_order() -> None:
    groups, order = bound("patch, size: 4", "pixel")
    assert groups.count == 4
    np.testing.assert_array_equal(groups.expand(order)[[0, 3, 0, 7], [0, 3, 4, 7], 1], [0, 0, 1, 3])
    assert (np.bincount(groups.index.ravel()) == 4 * 4 * 3).all()


def test_levels_are_generated_from_the_coarsest() -> None:
    groups, order = bound("level", "haar")
    np.testing.assert_array_equal(groups.expand(order), bases.wavelet_levels(SHAPE, 3))


def test_a_random_order_is_a_permutation_of_its_seed() -> None:
    groups, order = bound("random", "pixel")
    assert groups.count == 64
    assert sorted(order) == list(range(64))
    np.testing.assert_array_equal(order, bound("random", "pixel")[1])
    assert (order != bound("random, seed: 1", "pixel")[1]).any()
    assert bound("random, colors: separate", "pixel")[0].count == 192


def test_an_order_from_a_file_is_that_order() -> None:
    groups, order = bound("file, path: l.npy", "dct")
    np.testing.assert_array_equal(groups.expand(order), GIVEN)


def test_pooling_is_the_mean_of_each_group() -> None:
    pooled = Groups.columns(SHAPE).pooled(VARIANCE)
    np.testing.assert_allclose(pooled, np.broadcast_to(VARIANCE.mean((0, 2), keepdims=True), SHAPE), rtol=1e-6)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 8.0])
@pytest.mark.parametrize("cutoff", [1e-3, 1.0, 50.0])
def test_power_law(exponent: float, cutoff: float) -> None:
    """Its slope, its mean square, and a defined value at k = 0."""
    k = bases.frequencies(SHAPE)
    scale = priors.power_law(k, exponent, cutoff, 0.3)
    np.testing.assert_allclose((scale**2).mean(), 0.3)
    assert np.isfinite(scale).all()
    assert scale.min() > 0
    above = k > cutoff
    if above.any():
        law = scale[above] * k[above] ** exponent
        np.testing.assert_allclose(law, law[0])
    on_device = priors.power_law(jnp.asarray(k, jnp.float32), exponent, cutoff, jnp.float32(0.3))
    np.testing.assert_allclose(on_device, scale, rtol=1e-4)
