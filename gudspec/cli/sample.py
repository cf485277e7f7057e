"""`gudspec sample`."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gudspec.cli.eval import Workdir
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
from gudspec.errors import Refused

if TYPE_CHECKING:
    from gudspec.spec.load import Document

__all__ = ["sample"]


def sample(
    workdir: Workdir,
    count: Annotated[int | None, typer.Option("--count", min=1, help="How many images; default: the entry's.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Entry of `sample` to follow; default: all.")] = None,
    task: Annotated[
        Path | None, typer.Option("--task", help="File with a `sample` section, in place of the run's own.")
    ] = None,
    sampler: Annotated[
        str | None, typer.Option("--sampler", help="Sampler, e.g. '{kind: dpm, steps: 20}', or just its kind.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the noise; default: the spec's.")] = None,
    overrides: Overrides = None,
    mesh: MeshShape = None,
    cache_dir: CacheFolder = None,
    coordinator: Coordinator = None,
    processes: Processes = None,
    process: Process = None,
    meeting_seconds: MeetingSeconds = MEETING_SECONDS,
) -> None:
    """Draw samples from a trained run, as pictures and arrays in its folder `samples`."""
    if task is not None and sampler is not None:
        raise typer.BadParameter("the file of --task says itself how it is drawn", param_hint="--sampler")
    changes = [*(overrides or ()), *mesh_overrides(mesh)]
    with StopRequest() as early, together(early, coordinator, processes, process, meeting_seconds) as stop:
        from gudspec.cli.checked import located
        from gudspec.engine import main as engine
        from gudspec.engine.console import Terminal

        document = _asked(workdir, task, sampler, name, changes)
        label = "" if sampler is None else "-" + "-".join(re.findall(r"[\w.]+", sampler.replace("kind:", "")))
        with Terminal() as terminal, located(document):
            options = engine.Options(terminal, stop, cache_dir)
            spec = document.experiment
            files = engine.draw(workdir, count, name=name, seed=seed, label=label, experiment=spec, options=options)
            for file in files:
                options.speaker.say(file)


def _asked(workdir: str, task: Path | None, sampler: str | None, name: str | None, changes: list[str]) -> "Document":
    """The run's spec, with what the command line asks for: linted as a spec of its own would be."""
    from gudspec.cli.checked import checked, passed
    from gudspec.engine.workdir import Workdir as Folder
    from gudspec.spec.diagnostics import Source
    from gudspec.spec.load import reads

    folder = Folder.at(workdir, writes=False)
    own = folder.experiment()
    text = Source(str(folder.spec), folder.spec.read_text())
    if task is not None:
        document = checked(task, changes, base=text)
        if not document.experiment.sample:
            raise Refused(f"the `sample` of {task} is empty: there is nothing to draw")
        return document
    if sampler is not None:
        kind = sampler if sampler.lstrip().startswith("{") else f"{{kind: {sampler}}}"
        chosen = [index for index, entry in enumerate(own.sample) if name in (None, entry.name)]
        changes += [f"sample.{index}.sampler={kind}" for index in chosen]
        if not own.sample:
            changes.append(f"sample=[{{name: samples, sampler: {kind}}}]")
    return passed(reads(text.text, changes, name=text.name), base=text)
