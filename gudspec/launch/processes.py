"""Processes of this machine, side by side: their output line by line with a prefix, their end, and signals to them."""

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Self

from gudspec.engine.signals import STOP_SIGNALS

__all__ = ["Processes", "command"]


def command(*arguments: str) -> list[str]:
    """`gudspec` with these arguments, in this Python."""
    return [sys.executable, "-m", "gudspec", *arguments]


class Processes:
    """Runs processes and passes SIGTERM and Ctrl-C on to them; a third signal ends them at once.

    A second one is passed on too: they pass it on in turn, and what they have started ends with them.

    Args:
        say: prints a line.
    """

    def __init__(self, say: Callable[[str], None]):
        self.stopped = False
        """Whether a signal came: what has not started need not start."""
        self._say = say
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._ended: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
        self._previous: dict[int, object] = {}
        self._starting = False
        self._missed, self._signals = 0, 0

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.kill()
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def start_process(self, label: str, arguments: Sequence[str]) -> None:
        """Starts a process, whose lines begin with its label; one that starts after a signal is told so at once."""
        self._starting = True  # a signal that comes while there is nothing to pass it to yet is kept
        late = self.stopped
        try:
            process = subprocess.Popen(
                arguments,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C reaches the parent alone, which passes it on
                text=True,
                errors="replace",
            )
            self._running[label] = process
        finally:
            self._starting = False
        threading.Thread(target=self._follow, args=(label, process), daemon=True).start()
        if late:
            process.terminate()
        missed, self._missed = self._missed, 0
        for _ in range(missed):
            self._stop(signal.SIGTERM, None)

    def wait(self) -> tuple[str, int]:
        """Waits until one of the processes has ended.

        Returns:
            Its label and its exit code.
        """
        label, code = self._ended.get()
        del self._running[label]
        # one that could not handle the signal yet has done nothing: the same command starts again
        return label, 75 if self.stopped and code in (-signal.SIGTERM, -signal.SIGKILL) else code if code >= 0 else 1

    def __len__(self) -> int:
        return len(self._running)

    def _follow(self, label: str, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with suppress(OSError):  # who read our lines has gone: the process must not wait for that
                self._say(f"[{label}] {line.rstrip()}")
        self._ended.put((label, process.wait()))

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._starting:
            self._missed += 1
            return
        self._signals += 1
        for process in self._running.values():
            process.kill() if self._signals > 2 else process.terminate()
        self.stopped = True
