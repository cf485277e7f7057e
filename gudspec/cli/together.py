"""How commands that use devices start: alone, or as one of several processes."""

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer

from gudspec.engine.processes import MEETING_SECONDS
from gudspec.engine.signals import Stop, StopRequest, TogetherStop

__all__ = [
    "CACHE",
    "CacheFolder",
    "Coordinator",
    "MeetingSeconds",
    "MeshShape",
    "Process",
    "Processes",
    "mesh_overrides",
    "together",
]

_LOST = (
    *("Gloo", "Connection reset", "UNAVAILABLE", "DEADLINE_EXCEEDED", "another task died"),
    *("heartbeat timeout", "sending heartbeat"),
)
"""What JAX says when a process is gone that this one wanted to exchange data with."""

Coordinator: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="HOST:PORT|auto", envvar="GUDSPEC_COORDINATOR", help="Where the first process waits."),
]
Processes: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", min=1, envvar="GUDSPEC_PROCESSES", help="How many processes there are.")
]
Process: TypeAlias = Annotated[
    int | None, typer.Option(metavar="I", min=0, envvar="GUDSPEC_PROCESS", help="Which one this is, from 0.")
]
MeetingSeconds: TypeAlias = Annotated[
    int, typer.Option(metavar="S", min=1, envvar="GUDSPEC_MEETING_SECONDS", help="How long to wait for the others.")
]
MeshShape: TypeAlias = Annotated[
    str | None, typer.Option("--mesh", metavar="data=D,fsdp=F", help="The devices; overrides `mesh` of the spec.")
]
CACHE = "GUDSPEC_COMPILATION_CACHE"
CacheFolder: TypeAlias = Annotated[
    str | None,
    typer.Option("--cache-dir", metavar="DIR", envvar=CACHE, help="Compiled programs; default: workdir."),
]


def mesh_overrides(mesh: str | None) -> list[str]:
    """`--mesh` as overrides of the spec.

    >>> mesh_overrides("data=2,fsdp=4")
    ['mesh.data=2', 'mesh.fsdp=4']
    """
    parts = [part.strip() for part in mesh.split(",")] if mesh else []
    for part in parts:
        name, _, number = part.partition("=")
        if name not in ("data", "fsdp") or not number.lstrip("-").isdigit():
            raise typer.BadParameter(f"{part!r} is not data=NUMBER or fsdp=NUMBER", param_hint="--mesh")
    return [f"mesh.{part}" for part in parts]


@contextmanager
def together(
    early: StopRequest,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    seconds: int = MEETING_SECONDS,
) -> Iterator[Stop]:
    """Meets the other processes, if there are any, and yields what asks whether to stop.

    The process that the user starts becomes the supervisor of one that connects. Without the three options, JAX asks
    Slurm, Open MPI, Kubernetes or the TPU runtime, where these have started several processes.

    Args:
        early: has listened to signals since the command began.
        coordinator: host:port of the first process.
        processes: how many there are.
        process: this one.
        seconds: how long to wait for the others.
    """
    from gudspec.engine import processes as engine
    from gudspec.engine.supervisor import report_connected, report_explained, supervise, supervised
    from gudspec.errors import GudspecError, of_storage

    where = engine.meeting(coordinator, processes, process, seconds=seconds)
    if where is None:
        yield early
        return
    if not supervised():
        code = supervise(sys.argv[1:], str(where), early.check)
        sys.stdout.flush()
        os._exit(code)
    try:
        engine.connect(where)
        report_connected()
        yield TogetherStop(early.requested)
    except BaseException as error:
        if isinstance(error, GudspecError) and error.exit_code != 1:
            raise  # all processes end like this
        if isinstance(error, Exception) and not (isinstance(error, GudspecError) or of_storage(error) or _lost(error)):
            traceback.print_exc()  # nobody's mistake but ours
        # the others wait for this one: it must not wait for them
        print(_explained(error, str(where)), file=sys.stderr, flush=True)
        report_explained()
        sys.stdout.flush()
        os._exit(1)


def _lost(error: BaseException) -> bool:
    """Whether an exception says that another process is gone; those of files and of storage may use the same words."""
    return not isinstance(error, OSError) and any(sign in str(error) for sign in _LOST)


def _explained(error: BaseException, where: str) -> str:
    """What a process says that ends on its own."""
    from gudspec.errors import GudspecError

    if isinstance(error, GudspecError):
        return f"error: {error}"
    text = f"{type(error).__name__}: {error}"
    if _lost(error):
        lost = f"error: a process of this run was lost ({where}). All of them have to be started again, to continue"
        return f"{lost}\n  JAX says: {text[:300]}"
    return f"error: {text[:2000]}"
