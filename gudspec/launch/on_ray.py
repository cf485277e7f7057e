"""Ray as the engine of a sweep, for when one machine is not enough."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from gudspec.engine.signals import STOP_SIGNALS
from gudspec.errors import Refused
from gudspec.launch.render import Job
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump

__all__ = ["Ray"]

_LOST = 3
"""How often Ray starts a run again whose machine was lost."""


class Ray:
    """Jobs as tasks of a Ray cluster: the one that `RAY_ADDRESS` names, or one on this machine alone.

    The spec travels with the task; its data, the workdir and gudspec itself must be there for every machine.

    Args:
        experiment: the spec.
        say: prints a line.
    """

    def __init__(self, experiment: Experiment, say: Callable[[str], None]):
        self.stopped = False
        self._experiment = experiment
        self._say = say
        self._running: dict[Any, str] = {}
        self._previous: dict[int, object] = {}

    def __enter__(self) -> "Ray":
        try:
            import ray
        except ImportError:
            raise Refused("`--on ray` needs Ray: install gudspec with the extra `ray`") from None
        self._ray = ray
        # RAY_ADDRESS, where it is set, is a cluster that has a dashboard or not
        ray.init(configure_logging=False, include_dashboard=None if os.environ.get("RAY_ADDRESS") else False)
        launch = self._experiment.launch
        self._task = ray.remote(num_cpus=launch.cpus, num_gpus=int(launch.gpu), max_retries=_LOST)(_run)
        # Ray's own handler of SIGTERM would end this process, and the runs with it
        self._previous = {number: signal.signal(number, self._stop) for number in STOP_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._ray.shutdown()

    def start(self, job: Job) -> None:
        """Hands a job to Ray, which starts it where there is room."""
        self._running[self._task.remote(dump(self._experiment), job.arguments)] = job.name

    def wait(self) -> tuple[str, int]:
        """Name and exit code of the next job that ends."""
        while True:
            ended, _ = self._ray.wait(list(self._running), timeout=1)
            if ended:
                name = self._running.pop(ended[0])
                code = self._code(ended[0])
                self._say(f"[{name}] ended with code {code}")
                return name, code

    def _code(self, task: Any) -> int:
        try:
            return int(self._ray.get(task))
        except self._ray.exceptions.TaskCancelledError:
            return 75
        except self._ray.exceptions.RayError as error:
            self._say(f"Ray: {str(error).splitlines()[0]}")
            return 75 if self.stopped else 1

    def __len__(self) -> int:
        return len(self._running)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True
        for task in self._running:
            self._ray.cancel(task, force=False)


def _run(text: str, arguments: tuple[str, ...]) -> int:
    """Runs a job on the machine to which Ray has given it. A cancelled one is asked to save itself."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.yaml"
        file.write_text(text, encoding="utf-8")
        process = subprocess.Popen([sys.executable, "-m", "gudspec", "run", str(file), *arguments])
        while True:
            try:
                code = process.wait()
                return code if code >= 0 else 1
            except KeyboardInterrupt:  # what Ray makes of a cancellation
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
