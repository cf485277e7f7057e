"""`gudspec launch`."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from gudspec.cli.options import Overrides, Spec

__all__ = ["DryRun", "launch"]

DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Print exactly what would be executed or applied, and do nothing.")
]


class Place(StrEnum):
    """Names of `gudspec.launch.platforms.PLATFORMS`."""

    LOCAL = "local"
    SLURM = "slurm"
    GKE = "gke-jobset"
    TPU_VM = "tpu-vm"
    SKYPILOT = "skypilot"


def launch(
    spec: Spec,
    on: Annotated[Place, typer.Option("--on", help="Where to run it.")],
    workdir: Annotated[str, typer.Option("--workdir", metavar="DIR", help="Where the run keeps its files.")],
    overrides: Overrides = None,
    dry_run: DryRun = False,
) -> None:
    """Run a spec somewhere else, or on several processes of this machine. See docs/launching.md.

    What a platform needs is in the section `launch` of the spec. Exits with the code of the run on `local` and
    `tpu-vm`, with that of the scheduler's command elsewhere, and 2 if the spec does not fit the platform.
    """
    from gudspec.cli.checked import checked
    from gudspec.launch.platforms import PLATFORMS, check_platform
    from gudspec.launch.render import Job, render
    from gudspec.launch.run import submit, supervise

    platform, given = PLATFORMS[on.value], list(overrides or ())
    document = checked(spec, given)
    check_platform(document, platform, workdir)
    arguments = ["--workdir", workdir]
    if not platform.command:
        arguments = [str(spec), *arguments, *(word for one in given for word in ("--set", one))]
    text = render(platform, document.experiment, [Job(document.experiment.name, tuple(arguments))])
    if dry_run:
        typer.echo(text, nl=False)
        return
    raise typer.Exit(submit(platform, text) if platform.command else supervise(text, typer.echo))
