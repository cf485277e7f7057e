"""Several runs, several at once: what fails does not stop the others, and the same command continues."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from etils import epath

from gudspec.launch.processes import Processes, command
from gudspec.launch.render import Job
from gudspec.launch.status import EXITS
from gudspec.whole import write_whole

__all__ = ["Engine", "Local", "sweep"]


class Engine(Protocol):
    """What runs jobs: the processes of this machine, or Ray."""

    @property
    def stopped(self) -> bool:
        """Whether a signal came, after which no job is started."""

    def start(self, job: Job) -> None:
        """Starts a job."""

    def wait(self) -> tuple[str, int]:
        """Name and exit code of the next job that ends."""

    def __len__(self) -> int:
        """How many are running."""


class Local(Processes):
    """Jobs as processes of this machine.

    Args:
        verb: command of gudspec that runs one: `run`, or `launch --on local` where a run has several processes.
        say: prints a line.
    """

    def __init__(self, verb: Sequence[str], say: Callable[[str], None]):
        super().__init__(say)
        self._verb = verb

    def start(self, job: Job) -> None:
        """Starts a job."""
        self.start_process(job.name, command(*self._verb, *job.arguments))


def sweep(
    jobs: Sequence[Job], engine: AbstractContextManager[Engine], parallel: int | None, folder: str
) -> dict[str, int]:
    """Runs jobs.

    Args:
        jobs: in the order in which they start.
        engine: what runs them.
        parallel: how many at once; None is all.
        folder: where it is kept how and when they ended, for `gudspec runs`.

    Returns:
        Exit code by name; 75 for jobs that were not started because of a signal.
    """
    codes: dict[str, int] = {}
    with engine as running:
        for name, code in _ends(jobs, running, parallel or len(jobs)):
            codes[name] = code
            _keep(folder, name, code)
    return {job.name: codes.get(job.name, 75) for job in jobs}


def _ends(jobs: Sequence[Job], running: Engine, parallel: int) -> Iterator[tuple[str, int]]:
    waiting = iter(jobs)
    while True:
        while not running.stopped and len(running) < parallel and (job := next(waiting, None)):
            running.start(job)
        if not len(running):
            return
        yield running.wait()


def _keep(folder: str, name: str, code: int) -> None:
    """Adds the end of a run to those that the folder knows of; a reader sees the old file or the new one."""
    file = epath.Path(folder).expanduser() / EXITS
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        known = json.loads(file.read_text()) if file.exists() else {}
    except json.JSONDecodeError:
        known = {}
    write_whole(file, json.dumps({**known, name: {"code": code, "time": time.time()}}, indent=2) + "\n")
