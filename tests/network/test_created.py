"""A network as a pure function."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network.created import Created, computing
from gudspec.network.dit import Dit
from gudspec.network.unet import Unet


def unet(rngs: nnx.Rngs) -> nnx.Module:
    fields = {"heads": 2, "state": 8, "mixer_layers": 1, "mixer_tokens": 3, "dropout": 0.0, "classes": 0}
    return Unet((8, 8, 1), 4, channels=8, multipliers=(1, 2), blocks=1, attention=4, **fields, rngs=rngs)


def dit(rngs: nnx.Rngs) -> nnx.Module:
    sizes = {"patch": 2, "width": 16, "depth": 3, "heads": 2, "mlp_ratio": 2.0}
    fields = {"state": 8, "mixer_layers": 1, "mixer_tokens": 3, "dropout": 0.0, "classes": 3}
    return Dit((8, 8, 1), 4, **sizes, **fields, rngs=rngs)


@pytest.mark.parametrize("create", [unet, dit])
def test_begins_as_in_flax(create: Callable[[nnx.Rngs], nnx.Module]) -> None:
    """A stream that counts in Python has the keys of one that counts in an array."""
    key = jax.random.key(3)
    flax = jax.jit(lambda key: nnx.to_pure_dict(nnx.state(create(nnx.Rngs(key)))))(key)
    own = Created(create).parameters(key)
    assert jax.tree.structure(own) == jax.tree.structure(flax)
    jax.tree.map(np.testing.assert_array_equal, own, flax)
    kernels = [np.asarray(leaf) for leaf in jax.tree.leaves(own) if leaf.ndim > 1 and np.any(leaf)]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels) > 5


@pytest.mark.parametrize("create", [unet, dit])
def test_narrow_networks_tell_noising_states_apart(create: Callable[[nnx.Rngs], nnx.Module]) -> None:
    """Two γ that are the same number in bfloat16; and what comes out is close to what float32 would say."""
    made = Created(create)
    keys = iter(jax.random.split(jax.random.key(0), 1000))
    parameters = jax.tree.map(
        lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), made.parameters(next(keys))
    )
    networks = {numbers: computing(numbers, made.graph, parameters) for numbers in ("float32", "bfloat16")}
    image, labels = jax.random.normal(next(keys), (2, 8, 8, 1)), jnp.zeros(2, int)
    tokens = jnp.full((1, 4, 2), -0.875)
    moved = tokens + 1e-3
    np.testing.assert_array_equal(tokens.astype(jnp.bfloat16), moved.astype(jnp.bfloat16))
    wide, narrow = (network(image, tokens, labels) for network in networks.values())
    assert narrow.dtype == wide.dtype == jnp.float32
    assert float(jnp.abs(narrow - wide).max()) < 0.1 * float(wide.std())
    assert bool((narrow != networks["bfloat16"](image, moved, labels)).any())
