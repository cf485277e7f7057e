"""`gudspec eval`."""

from typing import Annotated

import typer

from gudspec.cli.options import Overrides
from gudspec.cli.together import (
    CacheFolder,
    Coordinator,
    MeetingSeconds,
    MeshShape,
    Process,
    Processes,
    mesh_overrides,
    together,
)
from gudspec.engine.processes import MEETING_SECONDS
from gudspec.engine.signals import StopRequest

__all__ = ["Workdir", "evaluate"]

Workdir = Annotated[str, typer.Argument(metavar="WORKDIR", help="The folder of a run.")]


def evaluate(
    workdir: Workdir,
    overrides: Overrides = None,
    mesh: MeshShape = None,
    cache_dir: CacheFolder = None,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    meeting_seconds: MeetingSeconds = MEETING_SECONDS,
) -> None:
    """Evaluate a trained run again, for example with `--set evaluate.0.images=100`.

    Results that are already there are not computed twice. The overrides must leave the design alone.
    """
    changes = [*(overrides or ()), *mesh_overrides(mesh)]
    with StopRequest() as early, together(early, coordinator, processes, process, meeting_seconds) as stop:
        from gudspec.engine import main as engine
        from gudspec.engine.console import Terminal

        with Terminal() as terminal:
            engine.evaluate(workdir, changes, options=engine.Options(terminal, stop, cache_dir))
