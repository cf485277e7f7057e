"""`gudspec run`."""

from typing import Annotated

import typer

from gudspec.cli.options import Overrides, Spec
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
from gudspec.engine.supervisor import has_supervisor

__all__ = ["run"]


def run(
    spec: Spec,
    workdir: Annotated[str, typer.Option("--workdir", metavar="DIR", help="Where the run lives; created if needed.")],
    overrides: Overrides = None,
    mesh: MeshShape = None,
    cache_dir: CacheFolder = None,
    profile: Annotated[
        str | None, typer.Option("--profile", metavar="A:B", help="Trace training steps A to B into WORKDIR/profile.")
    ] = None,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    meeting_seconds: MeetingSeconds = MEETING_SECONDS,
) -> None:
    """Train, evaluate, sample and report; continue if the workdir holds an interrupted run of the same design.

    Exits 0 when done, 1 if it failed and a retry may help, 2 if the spec, the data or the workdir is refused, 3 if
    training diverged, and 75 if it was interrupted with its state saved.
    """
    from gudspec.cli.checked import checked, located

    with StopRequest() as early:
        document = checked(spec, [*(overrides or ()), *mesh_overrides(mesh)], told=has_supervisor())
        steps = _steps(profile)
        with together(early, coordinator, processes, process, meeting_seconds) as stop, located(document):
            from gudspec.engine.console import Terminal  # JAX is only paid for by a spec that can run
            from gudspec.engine.main import Options
            from gudspec.engine.main import run as run_engine
            from gudspec.spec.resolved import show

            with Terminal() as terminal:
                options = Options(terminal, stop, cache_dir, steps)
                run_engine(document.experiment, workdir, resolved=show(document), options=options)


def _steps(profile: str | None) -> tuple[int, int] | None:
    """The steps of `--profile A:B`."""
    if profile is None:
        return None
    first, _, last = profile.partition(":")
    if not (first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last)):
        raise typer.BadParameter(f"{profile!r} is not A:B with 1 ≤ A ≤ B", param_hint="--profile")
    return int(first), int(last)
