"""A network as a pure function: what it begins with, and what puts it together again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import jax
from flax import nnx
from jax import Array

__all__ = ["Created"]


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
            self._graph, state = nnx.split(self._create(nnx.Rngs(key)))
            return nnx.to_pure_dict(state)

        return jax.jit(parameters)

    @property
    def graph(self) -> nnx.GraphDef[Any]:
        """The structure: `nnx.merge` makes a network of it and of parameters."""
        if self._graph is None:
            jax.eval_shape(self.parameters, jax.eval_shape(lambda: jax.random.key(0)))
        assert self._graph is not None
        return self._graph
