"""`gudspec sweep`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gudspec.cli.launch import DryRun
from gudspec.cli.options import Overrides, Spec
from gudspec.cli.together import CACHE

if TYPE_CHECKING:
    from gudspec.spec.load import Document
    from gudspec.spec.sweep import Run

__all__ = ["sweep"]


def sweep(
    spec: Spec,
    on: Annotated[Literal["local", "ray", "slurm", "gke-jobset"], typer.Option("--on", help="Where to run them.")],
    folder: Annotated[str, typer.Option("--workdir", metavar="DIR", help="Each run lives in DIR/NAME.")],
    parallel: Annotated[
        int | None, typer.Option("--parallel", metavar="N", min=1, help="Runs at once; default: 1 on local.")
    ] = None,
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Run every point of a spec's `sweep`; a run that fails does not stop the others, and the same command continues.

    Exits 0 if all are done, 75 if it was interrupted, 1 if a run failed and a retry may help, and else 2 or 3 as the
    runs that were refused or diverged. With a scheduler, it exits with the code of its command.
    """
    from gudspec.launch.platforms import PLATFORMS, check_platform
    from gudspec.launch.render import Job, render
    from gudspec.launch.run import submit
    from gudspec.launch.status import rows, table
    from gudspec.launch.sweep import Local
    from gudspec.launch.sweep import sweep as carry_out

    document, runs = _expanded(spec, list(overrides or ()))
    experiment, platform = document.experiment, PLATFORMS.get(on)
    if on == "gke-jobset" and parallel:
        raise typer.BadParameter("on gke-jobset, Kueue decides how many run at once", param_hint="--parallel")
    if platform:
        check_platform(document, platform, folder)
    # what runs have in common is compiled by the first of them
    alone = on == "local" and experiment.launch.processes == 1
    shared = ["--cache-dir", folder.rstrip("/") + "/compilation-cache"] if alone and CACHE not in os.environ else []
    given = [] if on != "local" else [str(spec), *(word for one in overrides or () for word in ("--set", one))]
    jobs = []
    for run in runs:
        sets = [word for one in run.overrides for word in ("--set", one)]
        where = folder.rstrip("/") + f"/{run.name}"
        jobs.append(Job(run.name, (*given, "--workdir", where, *sets, *shared)))
    if platform and platform.sweeps:
        text = render(platform, experiment, jobs, parallel=parallel)
        if dry_run:
            typer.echo(text, nl=False)
            return
        code = submit(platform, text)
        typer.echo(f"`gudspec runs {folder}` lists the runs", err=True)
        raise typer.Exit(code)
    verb = ["run"] if on == "ray" or experiment.launch.processes == 1 else ["launch", "--on", "local"]
    if dry_run:
        import shlex

        for job in jobs:
            typer.echo(shlex.join(["gudspec", *verb, *(["SPEC"] if on == "ray" else []), *job.arguments]))
        return
    if on == "ray":
        if experiment.launch.processes > 1:
            typer.echo("warning: each run is one process of Ray; `launch.processes` is for local and slurm", err=True)
        from gudspec.launch.on_ray import Ray

        codes = carry_out(jobs, Ray(experiment, typer.echo), parallel, folder)
    else:
        codes = carry_out(jobs, Local(verb, typer.echo), parallel or 1, folder)
    typer.echo(table(rows(folder, [job.name for job in jobs]), "table"))
    worst = [code for code in (75, 1, 2, 3) if code in codes.values()]
    raise typer.Exit(worst[0] if worst else int(any(codes.values())))


def _expanded(spec: Path, overrides: list[str]) -> tuple[Document, tuple[Run, ...]]:
    """A spec and the runs of its sweep, all of which lint without errors.

    Raises:
        SpecError: one of them cannot run.
        Refused: the spec has no sweep.
    """
    from gudspec.cli.checked import checked
    from gudspec.errors import Refused
    from gudspec.linter.check import check
    from gudspec.spec.diagnostics import Diagnostic, SpecError
    from gudspec.spec.load import read
    from gudspec.spec.sweep import located, runs

    document = checked(spec, overrides)
    expanded = runs(document.experiment)
    if not expanded:
        raise Refused(f"{spec} has no `sweep`: `gudspec run` runs it as it is")
    found: list[Diagnostic] = []
    for run in expanded:
        try:
            problems = check(read(spec, [*overrides, *run.overrides]))
        except SpecError as error:
            problems = list(error.diagnostics)
        found += (located(one, run, document.tree) for one in problems if one.severity == "error")
    if found:
        raise SpecError(found)
    return document, expanded
