"""A network as a pure function: what it begins with, and what puts it together again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

__all__ = ["Created", "computing"]


class Created:
    """A network that is made by one trace, of which there is need for both results; making it takes a second.

    Args:
        create: makes the network.
    """

    def __init__(self, create: Callable[[nnx.Rngs], nnx.Module]):
        self._create = create
        self._graph: nnx.GraphDef[Any] | None = None

    @cached_property
    def parameters(self) -> Callable[[Array], dict[str, Any]]:
        """Key → initial parameters, nested dictionaries of arrays."""

        def parameters(key: Array) -> dict[str, Any]:
            self._graph, state = nnx.split(self._create(_Rngs(key)))
            return nnx.to_pure_dict(state)

        return jax.jit(parameters)

    @property
    def graph(self) -> nnx.GraphDef[Any]:
        """The structure: `nnx.merge` makes a network of it and of parameters."""
        if self._graph is None:
            jax.eval_shape(self.parameters, jax.eval_shape(lambda: jax.random.key(0)))
        assert self._graph is not None
        return self._graph


class _Rngs(nnx.Rngs):
    """`nnx.Rngs` that counts its keys in Python; they are the same.

    Flax counts in an array. In a trace that has no sharding, for which flax asks with each key, and to say so JAX walks
    through all that was traced before: three quarters of the time that making a U-Net takes.
    """

    def __init__(self, key: Array):
        super().__init__()
        self.default = _Stream(key, tag="default")


class _Stream(nnx.RngStream):
    drawn = 0

    def __call__(self) -> Array:
        key = jax.random.fold_in(self.key[...], self.drawn)
        self.drawn += 1
        return key


def computing(numbers: str, graph: nnx.GraphDef[Any], parameters: dict[str, Any]) -> Callable[..., Array]:
    """A network that computes in these numbers, from parameters and images in float32, and answers in float32.

    Normalization sums up in float32 in any case, and so does the softmax of attention. The noising state is embedded in
    float32: of γ = −7, eight bits would leave steps of 0.03.

    Args:
        numbers: `float32` or `bfloat16`.
        graph: structure of the network.
        parameters: of `Created.parameters`.
    """
    if numbers == "float32":
        network: Callable[..., Array] = nnx.merge(graph, parameters)
        return network

    def lowered(path: tuple[jax.tree_util.DictKey, ...], leaf: Array) -> Array:
        stays = any(place.key == "embed_state" for place in path) or not jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf if stays else leaf.astype(numbers)

    narrow = nnx.merge(graph, jax.tree_util.tree_map_with_path(lowered, parameters))

    def apply(image: Array, *arguments: Any, **options: Any) -> Array:
        predicted: Array = narrow(image.astype(numbers), *arguments, **options)
        return predicted.astype(image.dtype)

    return apply
