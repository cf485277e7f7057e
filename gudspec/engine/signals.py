"""Requests to stop, noticed between steps."""

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Protocol

__all__ = ["STOP_SIGNALS", "Stop", "StopRequest", "TogetherStop"]

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stop(Protocol):
    """Asks whether to stop."""

    def check(self) -> bool:
        """Whether to stop now. Every process of a run asks equally often, and all get the same answer."""


class StopRequest:
    """While active, SIGTERM and Ctrl-C set `requested`; a second one ends the process as usual."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "StopRequest":
        # only the main thread may handle signals; elsewhere the caller decides what they do
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._handle) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def check(self) -> bool:
        """Whether a signal came."""
        return self.requested

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous = {}


class TogetherStop:
    """A SIGTERM to any process of a run stops all of them, at the same call of `check`.

    JAX's preemption service has caught the signal since the processes met: it tells the others and settles on the next
    call that none of them has made yet.

    Args:
        requested: whether a signal came before they had met.
    """

    def __init__(self, requested: bool):
        self._calls = 0
        self._stopped = False
        if requested:
            os.kill(os.getpid(), signal.SIGTERM)

    def check(self) -> bool:
        """Whether to stop now."""
        from jax.experimental.multihost_utils import reached_preemption_sync_point

        self._calls += 1
        self._stopped = self._stopped or reached_preemption_sync_point(self._calls)
        return self._stopped
