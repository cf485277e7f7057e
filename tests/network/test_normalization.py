"""Group normalization against its formula in NumPy, in double precision."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network.normalization import GroupNorm


@pytest.fixture
def norm() -> GroupNorm:
    made = GroupNorm(12, num_groups=3, rngs=nnx.Rngs(0))
    made.scale[...] = jnp.linspace(0.5, 2.0, 12)
    made.bias[...] = jnp.linspace(-1.0, 1.0, 12)
    return made


def formula(norm: GroupNorm, x: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    groups = x.astype(np.float64).reshape(len(x), -1, 3, 4)
    mean, variance = (moment(groups, axis=(1, 3), keepdims=True) for moment in (np.mean, np.var))
    white = ((groups - mean) / np.sqrt(variance + norm.epsilon)).reshape(x.shape)
    own = white * np.asarray(norm.scale[...]) + np.asarray(norm.bias[...])
    return own * (1 + scale[:, None, None]) + shift[:, None, None]


@pytest.mark.parametrize("rows", [5, 1])
def test_images_are_normalized_and_modulated(norm: GroupNorm, rows: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(3.0, 2.0, (5, 6, 4, 12)).astype(np.float32)
    scale, shift = generator.normal(size=(2, rows, 12))
    given = {"scale": jnp.asarray(scale), "shift": jnp.asarray(shift)}
    np.testing.assert_allclose(norm(jnp.asarray(x), **given), formula(norm, x, scale, shift), atol=2e-5)
    np.testing.assert_allclose(norm(jnp.asarray(x)), formula(norm, x, 0 * scale, 0 * shift), atol=2e-5)


def test_its_gradients_are_those_of_flax(norm: GroupNorm) -> None:
    x, weights = jax.random.normal(jax.random.key(0), (2, 5, 6, 4, 12))
    usual = nnx.GroupNorm(12, num_groups=3, rngs=nnx.Rngs(0))
    nnx.update(usual, nnx.state(norm))

    def gradient(norm: nnx.GroupNorm) -> object:
        graph, state = nnx.split(norm)
        return jax.grad(lambda state, x: (nnx.merge(graph, state)(x) * weights).sum(), argnums=(0, 1))(state, x)

    both = zip(jax.tree.leaves(gradient(norm)), jax.tree.leaves(gradient(usual)), strict=True)
    for ours, theirs in both:
        np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_statistics_are_taken_in_float32(norm: GroupNorm) -> None:
    x = 100 + np.random.default_rng(0).normal(size=(2, 16, 16, 12))
    rounded = jnp.asarray(x, jnp.bfloat16)
    result = norm(rounded)
    assert result.dtype == jnp.bfloat16
    expected = formula(norm, np.asarray(rounded, np.float32), np.zeros((1, 12)), np.zeros((1, 12)))
    np.testing.assert_allclose(np.asarray(result, np.float32), expected, atol=0.02)


def test_parameters_are_those_of_flax(norm: GroupNorm) -> None:
    usual = nnx.GroupNorm(12, num_groups=3, rngs=nnx.Rngs(0))
    assert jax.tree.structure(nnx.state(norm)) == jax.tree.structure(nnx.state(usual))


@pytest.mark.parametrize("value", [1.1, 333.3, 1e4 / 3])
def test_rounding_makes_no_negative_variance(norm: GroupNorm, value: float) -> None:
    assert np.isfinite(norm(jnp.full((1, 7, 5, 12), value))).all()
