"""A trace of some training steps, for XProf."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax

__all__ = ["Profile"]


@dataclass
class Profile:
    """Traces the steps from `first` to `last` into `folder`; if there are none, nothing.

    Args:
        folder: where the trace is written; every process writes its own.
        first: first step, from 1.
        last: last step.
    """

    folder: str
    first: int
    last: int
    _running: bool = field(default=False, init=False)

    def before(self, step: int) -> None:
        """To be called before a step."""
        if self.first <= step <= self.last and not self._running:
            jax.profiler.start_trace(self.folder)
            self._running = True

    def after(self, step: int, result: Any) -> None:
        """To be called after it."""
        if self._running and step >= self.last:
            jax.block_until_ready(result)
            self.close()

    def close(self) -> None:
        """Ends the trace."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
