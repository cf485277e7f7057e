"""A program that all processes compile, and then begin together."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jax

from gudspec.ahead.work import work
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
        self._traced: Any = None
        self._program: Any = None

    def __call__(self, *arguments: Any) -> Any:
        """The program's result."""
        if self._program is None:
            # from shapes alone, as ahead of time: a cache tells programs apart by their text, in which what is known of
            # how the arguments came about would leave traces
            shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), arguments)
            self._traced = self._jitted.trace(*shapes)
            self._program = self._traced.lower().compile()
            meet()
        return self._program(*arguments)

    @cached_property
    def flops(self) -> float:
        """Arithmetic of a call, over all devices, of one that was called before.

        Counted in the trace: the compiler counts the inside of a loop once, be it over layers or parts of a batch.
        """
        traced, self._traced = self._traced, None
        return work(traced.jaxpr).flops
