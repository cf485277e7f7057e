"""A file that says that a run is alive, and how far it is: for watchers, and for `gudspec tail`."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
import time
from types import TracebackType
from typing import Any

from gudspec.engine.workdir import Workdir
from gudspec.errors import GudspecError

__all__ = ["BEAT_SECONDS", "FILE", "Heartbeat"]

FILE = "heartbeat.json"
BEAT_SECONDS = 10.0


class Heartbeat:
    """Writes `heartbeat.json` every few seconds, by a thread of its own.

    `time` says that the process is alive; `progress` is when `phase` or `step` last changed. A watcher that sees `time`
    move while `progress` stands still knows that the run hangs, or compiles. At the end, `phase` is `ended` and `code`
    the exit code, by which `gudspec runs` tells how the run ended; one that is killed leaves neither.

    Args:
        workdir: where; the first process writes, the others do nothing.
    """

    def __init__(self, workdir: Workdir):
        self._workdir = workdir
        self._now: dict[str, Any] = {"phase": "starting", "step": None, "progress": time.time()}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Heartbeat:
        self._beat()
        if self._workdir.writes:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._workdir.writes:
            self._thread.join()
        self.progress("ended")
        self._now["code"] = 0 if error is None else error.exit_code if isinstance(error, GudspecError) else 1
        self._beat()

    def progress(self, phase: str, step: int | None = None) -> None:
        """Notes what the run is doing; costs nothing, the thread writes it."""
        self._now = {"phase": phase, "step": self._now["step"] if step is None else step, "progress": time.time()}

    def _run(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._beat()

    def _beat(self) -> None:
        who = {"host": platform.node(), "pid": os.getpid(), "time": time.time()}
        # a heartbeat that cannot be written must end neither a run nor the thread, which tries again: in an object
        # store it is the lock, and errors are no OSErrors
        with contextlib.suppress(Exception):
            self._workdir.write(FILE, {**self._now, **who})
