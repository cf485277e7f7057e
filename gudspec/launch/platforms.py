"""The platforms, and what each needs of a spec."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gudspec.errors import Refused
from gudspec.spec.diagnostics import Diagnostic, SpecError
from gudspec.spec.load import Document
from gudspec.spec.tree import place

__all__ = ["PLATFORMS", "Platform", "check_platform"]


@dataclass(frozen=True)
class Platform:
    """A place where runs live; its folder in `runners/` has its template, its README and goldens."""

    name: str
    template: str
    """File name of the template, without `.jinja`."""
    command: tuple[str, ...] = ()
    """What takes the rendered file as its last argument; nothing where gudspec itself does."""
    needs: tuple[str, ...] = ()
    """Fields of `launch` that it cannot do without."""
    sweeps: bool = False
    """Whether one rendered file can hold the runs of a sweep."""
    slices: bool = False
    """Whether it connects several TPU slices."""

    @property
    def tpu(self) -> bool:
        """Whether it has TPUs, on machines that are gone after the run."""
        return "accelerator" in self.needs


PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform("local", "template.sh"),
        Platform("slurm", "template.sbatch", ("sbatch",), sweeps=True),
        Platform(
            "gke-jobset",
            "template.yaml",
            ("kubectl", "apply", "--filename"),
            ("accelerator", "image", "queue"),
            sweeps=True,
            slices=True,
        ),
        Platform("tpu-vm", "template.sh", ("bash",), ("accelerator", "project", "zone", "setup")),
        Platform("skypilot", "template.yaml", ("sky", "jobs", "launch", "--yes"), ("accelerator", "zone", "setup")),
    )
}
"""Every platform, by name."""


def check_platform(document: Document, platform: Platform, workdir: str) -> None:
    """Refuses what cannot work there, before anything is submitted.

    Args:
        document: the spec.
        platform: where it is to run.
        workdir: where the run, or the sweep, shall keep its files.

    Raises:
        SpecError: `launch` lacks something, or the spec does not fit the accelerator.
        Refused: the workdir would be lost.
    """
    if found := list(_problems(document, platform)):
        raise SpecError(found)
    if platform.tpu and not re.match(r"\w+://", workdir):
        raise Refused(
            f"--workdir {workdir}: the machines of {platform.name} share no disk and are gone after the run. "
            "Use a bucket: --workdir gs://BUCKET/FOLDER"
        )


def _problems(document: Document, platform: Platform) -> Iterator[Diagnostic]:
    launch = document.experiment.launch
    for field in platform.needs:
        if getattr(launch, field) is None:
            message = f"`launch.{field}` is missing: {platform.name} needs it; `--set launch.{field}=…` gives it too"
            yield Diagnostic("GUD101", message, place(document.tree, ("launch",), key=True))
    if platform.tpu and launch.slices > 1 and not platform.slices:
        message = f"`launch.slices` must be 1 on {platform.name}, not {launch.slices}: gke-jobset connects several"
        yield Diagnostic("GUD105", message, place(document.tree, ("launch", "slices")))
    if platform.tpu:
        from gudspec.linter.check import check

        yield from (one for one in check(document) if one.code == "GUD308")
