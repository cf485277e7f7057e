"""What a run tells its user while it runs."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

__all__ = ["Quiet", "Reporter", "Terminal"]


class Reporter(Protocol):
    """Who is told what happens."""

    def say(self, text: str) -> None:
        """Something that is worth a line."""

    def warn(self, text: str) -> None:
        """Something that went wrong but does not end the run."""

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """A task of `total` units starts, `done` of which are done already."""

    def advance(self, done: int, note: str = "") -> None:
        """The task has reached `done` units."""

    def end(self) -> None:
        """The task is over."""


class Quiet:
    """Tells nobody anything but warnings.

    Args:
        warnings: False keeps these back as well: of several processes, the first speaks.
    """

    def __init__(self, warnings: bool = True):
        self._warnings = warnings

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """A line on stderr."""
        if self._warnings:
            print(f"warning: {text}", file=sys.stderr)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, done: int, note: str = "") -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Terminal:
    """A progress bar in a terminal; one line per interval in a log file."""

    def __init__(self) -> None:
        self._console = RichConsole(highlight=False, soft_wrap=True)
        self._live = self._console.is_terminal
        self._progress: Progress | None = None
        self._task, self._total = "", 0

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def say(self, text: str) -> None:
        """A line on stdout."""
        self._console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line on stderr."""
        print(f"warning: {text}", file=sys.stderr, flush=True)

    def begin(self, task: str, total: int, done: int = 0) -> None:
        """Shows the bar."""
        self._task, self._total = task, total
        if self._live:
            columns = (
                TextColumn("{task.description:<10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                TextColumn("ETA"),
                TimeRemainingColumn(),
            )
            self._progress = Progress(*columns, console=self._console)
            self._progress.add_task(task, total=total, completed=done, note="")
            self._progress.start()

    def advance(self, done: int, note: str = "") -> None:
        """Moves the bar, or prints a line."""
        if self._progress is not None:
            task = self._progress.tasks[0]
            self._progress.update(task.id, completed=done, note=note or task.fields["note"])
        elif note:
            self._console.print(f"{self._task} {done}/{self._total}  {note}", markup=False)

    def end(self) -> None:
        """Puts the bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
