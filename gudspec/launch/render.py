"""From jobs to what a platform takes: a script or manifests, by the template of its folder in `runners/`."""

import hashlib
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

from gudspec.launch.platforms import Platform
from gudspec.spec.accelerators import slice_of
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump

__all__ = ["Job", "dns", "render"]

_LONGEST = 40
"""Characters of a name: JobSet builds the names of hosts from it, which have 63."""


@dataclass(frozen=True)
class Job:
    """One run."""

    name: str
    """Name of the run."""
    arguments: tuple[str, ...]
    """What follows `gudspec run SPEC`; on `local`, the spec too."""


def render(platform: Platform, experiment: Experiment, jobs: Sequence[Job], *, parallel: int | None = None) -> str:
    """What the platform takes: exactly what is executed, or applied.

    Args:
        platform: where.
        experiment: the spec, whose text travels along.
        jobs: one for a run, several for a sweep.
        parallel: how many runs of a sweep may go on at once; None leaves it to the platform.
    """
    import jinja2

    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters |= {"dns": dns, "shell": _shell}
    folder = files("gudspec.launch") / "runners" / platform.name
    template = environment.from_string((folder / f"{platform.template}.jinja").read_text(encoding="utf-8"))
    launch, spec = experiment.launch, dump(experiment)
    return template.render(
        name=experiment.name,
        jobs=jobs,
        launch=launch,
        tpu=launch.accelerator and slice_of(launch.accelerator),
        spec=spec,
        digest=hashlib.sha256(spec.encode()).hexdigest()[:8],
        sweep=len(jobs) > 1 or experiment.name != jobs[0].name,
        parallel=parallel,
    )


def _shell(arguments: Iterable[str]) -> str:
    return shlex.join(arguments)


def dns(name: str) -> str:
    """A name as Kubernetes and Google Cloud take it; different names stay different.

    >>> dns("quickstart"), dns("CIFAR10_pca-seed-1")
    ('quickstart', 'cifar10-pca-seed-1-c635')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if not plain[:1].isalpha():
        plain = f"run-{plain}".strip("-")
    if plain == name and len(plain) <= _LONGEST:
        return plain
    return f"{plain[: _LONGEST - 5].rstrip('-')}-{hashlib.sha256(name.encode()).hexdigest()[:4]}"
