"""`gudspec sample`."""

from typing import Annotated

import typer

from gudspec.cli.eval import Workdir
from gudspec.cli.options import Overrides
from gudspec.cli.together import CacheFolder, Coordinator, MeshShape, Process, Processes, mesh_overrides, together
from gudspec.engine.signals import StopRequest

__all__ = ["sample"]


def sample(
    workdir: Workdir,
    count: Annotated[int, typer.Option("--count", min=1, help="How many images.")] = 64,
    name: Annotated[str | None, typer.Option("--name", help="Entry of `sample` to follow; default: first.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the noise; default: the spec's.")] = None,
    overrides: Overrides = None,
    mesh: MeshShape = None,
    cache_dir: CacheFolder = None,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
) -> None:
    """Draw samples from a trained run, as a picture and an array in its folder `samples`."""
    with StopRequest() as early, together(early, coordinator, processes, process) as stop:
        from gudspec.engine import main as engine
        from gudspec.engine.console import Terminal

        with Terminal() as terminal:
            options = engine.Options(terminal, stop, cache_dir)
            changes = [*(overrides or ()), *mesh_overrides(mesh)]
            file = engine.draw(workdir, count, name=name, seed=seed, overrides=changes, options=options)
            options.speaker.say(file)
