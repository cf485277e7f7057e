"""Blocks of the U-Net against their formulas, from flax' own norms and convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network.layers import ResidualBlock


@pytest.mark.parametrize("rows", [3, 1])
@pytest.mark.parametrize("outputs", [8, 12])
def test_a_residual_block_is_modulated_by_its_condition(outputs: int, rows: int) -> None:
    block = ResidualBlock(8, outputs, 5, 0.0, rngs=nnx.Rngs(0))
    graph, state = nnx.split(block)
    leaves, tree = jax.tree.flatten(state)
    keys = jax.random.split(jax.random.key(1), len(leaves))  # a fresh block ends in zeros
    block = nnx.merge(
        graph, tree.unflatten([jax.random.normal(k, v.shape) / 4 for k, v in zip(keys, leaves, strict=True)])
    )
    x, condition = jax.random.normal(jax.random.key(2), (3, 6, 5, 8)), jax.random.normal(jax.random.key(3), (rows, 5))

    def normal(mine: nnx.GroupNorm, x: jax.Array) -> jax.Array:
        usual = nnx.GroupNorm(x.shape[-1], num_groups=mine.num_groups, rngs=nnx.Rngs(0))
        usual.scale[...], usual.bias[...] = mine.scale[...], mine.bias[...]
        return usual(x)

    def convolved(mine: nnx.Conv, x: jax.Array) -> jax.Array:
        numbers = ("NHWC", "HWIO", "NHWC")
        return (
            jax.lax.conv_general_dilated(x, mine.kernel[...], (1, 1), "SAME", dimension_numbers=numbers)
            + mine.bias[...]
        )

    scale, shift = jnp.split(condition @ block.modulate.kernel[...] + block.modulate.bias[...], 2, axis=-1)
    y = convolved(block.conv_in, jax.nn.silu(normal(block.norm_in, x)))
    y = jax.nn.silu(normal(block.norm_out, y) * (1 + scale[:, None, None]) + shift[:, None, None])
    passed = x if outputs == 8 else convolved(block.skip, x)
    np.testing.assert_allclose(block(x, condition, None), passed + convolved(block.conv_out, y), atol=2e-4)
