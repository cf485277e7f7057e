"""Several processes as one run: how they meet, how they agree, and which of them speaks.

`jax.distributed` connects them. All of them run the same program in the same order; what only one of them may decide
(what a file says, what time it is) is decided by the first and told to the others by `share`.
"""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeVar

from gudspec.errors import GudspecError, Refused, RunError, of_storage

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "COMPILATION_SECONDS",
    "HEARTBEAT_SECONDS",
    "MEETING_SECONDS",
    "Meeting",
    "connect",
    "everywhere",
    "first",
    "gather",
    "meet",
    "meeting",
    "several",
    "share",
]

MEETING_SECONDS = 40
"""How long a process waits for the others unless told otherwise; with what JAX takes to give up, under a minute."""
HEARTBEAT_SECONDS = 30
"""After how long without a sign of life a process counts as lost."""
COMPILATION_SECONDS = 1800
"""How long a process that has compiled a program waits for others that still do."""
_MEETINGS = itertools.count()
"""Every barrier needs a name of its own."""

T = TypeVar("T")


@dataclass(frozen=True)
class Meeting:
    """Where the processes of a run meet. None leaves it to JAX, which asks Slurm, Open MPI, Kubernetes or the TPU.

    Args:
        coordinator: host:port of the first process.
        processes: how many there are.
        process: this one, from 0.
        seconds: how long to wait for the others.
    """

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None
    seconds: int = MEETING_SECONDS

    def __str__(self) -> str:
        if self.coordinator is None:
            return "the processes of this job"
        return f"process {self.process} of {self.processes}, which meet at {self.coordinator}"


def meeting(
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    environment: Mapping[str, str] = os.environ,
    *,
    seconds: int = MEETING_SECONDS,
) -> Meeting | None:
    """The meeting of a run, or None if this process is alone. Loads no JAX.

    Args:
        coordinator: host:port, if the user says so; `auto` where there are others that only JAX can find, such as the
            workers of a TPU VM, which announce themselves to its metadata server alone.
        processes: number of processes, if the user says so.
        process: index of this process, if the user says so; a pod of an indexed job of Kubernetes knows its own.
        environment: where schedulers announce themselves.
        seconds: how long to wait for the others.

    Raises:
        Refused: the three are incomplete or contradict each other.
    """
    if coordinator == "auto" and processes is None and process is None:
        return Meeting(seconds=seconds)
    index = environment.get("JOB_COMPLETION_INDEX", "")
    if coordinator is not None and processes is not None and process is None and index.isdigit():
        process = int(index)
    given = {"--coordinator": coordinator, "--processes": processes, "--process": process}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == len(given):
        return Meeting(seconds=seconds) if _scheduled(environment) else None
    if missing:
        raise Refused(f"{', '.join(sorted(set(given) - set(missing)))} also needs {' and '.join(missing)}")
    assert coordinator is not None
    assert processes is not None
    assert process is not None
    if not 0 <= process < processes:
        raise Refused(f"--process {process} is not one of {processes} processes, which are counted from 0")
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise Refused(f"--coordinator {coordinator!r} is not HOST:PORT")
    return Meeting(coordinator, processes, process, seconds) if processes > 1 else None


def _scheduled(environment: Mapping[str, str]) -> bool:
    """Whether a scheduler that JAX knows has started several processes."""
    counts = (environment.get(name, "") for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE"))
    if any(count.isdigit() and int(count) > 1 for count in counts):
        return True
    if "," in environment.get("TPU_WORKER_HOSTNAMES", "") or "MEGASCALE_COORDINATOR_ADDRESS" in environment:
        return True
    # an indexed job of Kubernetes; JAX asks its API through this package
    return {"KUBERNETES_SERVICE_HOST", "JOB_COMPLETION_INDEX"} <= set(environment) and bool(find_spec("kubernetes"))


def connect(where: Meeting) -> None:
    """Meets the other processes. To be called before JAX touches a device.

    If one is missing, JAX ends this process after `where.seconds` without an exception: `supervisor` turns that into a
    message.

    Raises:
        Refused: JAX is to find the others, but nothing here tells it of them.
        RunError: the others cannot be reached.
    """
    import jax

    try:
        jax.distributed.initialize(
            where.coordinator,
            where.processes,
            where.process,
            initialization_timeout=where.seconds,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            shutdown_timeout_seconds=HEARTBEAT_SECONDS,
        )
    except jax.errors.JaxRuntimeError as error:
        raise RunError(
            f"the processes did not meet ({where}). Start all of them, and check that the first can be reached\n"
            f"  JAX says: {str(error)[:300]}"
        ) from error
    except ValueError as error:
        if where.coordinator is not None:
            raise
        raise Refused(
            "no other processes were found: `--coordinator auto` needs processes that Slurm, Open MPI, Kubernetes or "
            "the TPU runtime has started. Elsewhere give --coordinator HOST:PORT, --processes N and --process I\n"
            f"  JAX says: {error}"
        ) from None


def several() -> bool:
    """Whether there are other processes. Touches no device if there are none."""
    import jax

    return jax.distributed.is_initialized() and jax.process_count() > 1


def first() -> bool:
    """Whether this process writes files and talks to the user."""
    import jax

    return not several() or jax.process_index() == 0


def meet() -> None:
    """Waits for the other processes, for as long as they may compile; all call it equally often."""
    if several():
        import jax
        from orbax.checkpoint import multihost

        everybody = set(range(jax.process_count()))
        multihost.sync_global_processes(f"met-{next(_MEETINGS)}", timeout=COMPILATION_SECONDS, processes=everybody)


def gather(array: np.ndarray) -> np.ndarray:
    """An array of every process, [processes, …]."""
    if not several():
        return array[None]
    import numpy as np
    from jax.experimental.multihost_utils import process_allgather

    return np.asarray(process_allgather(array))


def share(make: Callable[[], T]) -> T:
    """What `make` returns in the first process, in all of them. Others do not call it.

    Args:
        make: its result must be picklable.

    Raises:
        GudspecError: what `make` raised, in every process.
    """
    if not several():
        return make()
    import numpy as np
    from jax.experimental import multihost_utils

    answer = _attempt(make) if first() else b""
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(answer))))
    buffer = np.frombuffer(answer.ljust(size, b"\0"), np.uint8) if first() else np.zeros(size, np.uint8)
    result, error = pickle.loads(np.asarray(multihost_utils.broadcast_one_to_all(buffer)).tobytes())
    if error is not None:
        raise _raised(*error)
    return result


def everywhere(make: Callable[[], T]) -> T:
    """Runs `make` in every process; where it fails in one, all raise: none is left waiting for another.

    Raises:
        GudspecError: what `make` raised here, or in the first process in which it failed.
    """
    if not several():
        return make()
    import numpy as np

    result: T | None = None
    problem = b""
    try:
        result = make()
    except Exception as failure:
        if not (isinstance(failure, GudspecError) or of_storage(failure)):
            raise
        problem = _problem(failure)
    sizes = gather(np.array(len(problem), np.int32))
    if not sizes.any():
        return result  # type: ignore[return-value]
    failed = int(np.argmax(sizes > 0))
    buffer = np.frombuffer(problem.ljust(int(sizes.max()), b"\0"), np.uint8)
    _, error = pickle.loads(gather(buffer)[failed].tobytes())
    raise _raised(*error)


def _attempt(make: Callable[[], object]) -> bytes:
    try:
        return pickle.dumps((make(), None))
    except Exception as error:
        if not (isinstance(error, GudspecError) or of_storage(error)):
            raise
        return _problem(error)


def _problem(error: Exception) -> bytes:
    """An error as other processes can raise it: its text and its exit code."""
    code = error.exit_code if isinstance(error, GudspecError) else 1
    return pickle.dumps((None, (str(error) or type(error).__name__, code)))


def _raised(message: str, exit_code: int) -> RunError:
    error = RunError(message)
    error.exit_code = exit_code
    return error
