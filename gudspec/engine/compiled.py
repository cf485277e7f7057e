"""A program that all processes compile, and then begin together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from gudspec.engine.processes import meet

__all__ = ["Compiled"]


class Compiled:
    """A jitted program, compiled at its first call for the shapes of that call.

    How long a compilation takes differs between machines, and a cache may spare one of them all of it; but devices that
    exchange data do not wait long for each other. So the processes meet in between.

    Args:
        jitted: the program.
    """

    def __init__(self, jitted: Any):
        self._jitted = jitted
        self._program: Any = None
        self.flops = 0.0
        """Arithmetic of a call on one device, as far as the compiler knows it; 0 before the first."""

    def __call__(self, *arguments: Any) -> Any:
        """The program's result."""
        if self._program is None:
            # from shapes alone, as ahead of time: a cache tells programs apart by their text, in which what is known of
            # how the arguments came about would leave traces
            shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments)
            self._program = self._jitted.lower(*shapes).compile()
            cost: Mapping[str, float] = self._program.cost_analysis() or {}
            self.flops = float(cost.get("flops", 0.0))
            meet()
        return self._program(*arguments)
