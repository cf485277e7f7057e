"""Statistics that an earlier run has left in the cache, found without opening any image.

The statistics of a source are filed under the content of its images, which only reading them tells. What a linter may
afford is a glance: the same statistics, filed under what the spec says and the time stamps of the files that it names.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from gudspec.cached import cached_path
from gudspec.spec.models import Experiment
from gudspec.spec.models.base import Model

__all__ = ["glance", "keep"]


def keep(experiment: Experiment, statistics: Mapping[str, object]) -> None:
    """Leaves the statistics of a design where `glance` finds them.

    Args:
        experiment: the spec.
        statistics: arrays by name.
    """
    import numpy as np

    from gudspec.data.cache import replace_file

    if path := _file(experiment):
        arrays = {name: np.asarray(value) for name, value in statistics.items()}
        replace_file(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def glance(experiment: Experiment, names: tuple[str, ...]) -> dict[str, object] | None:
    """Some of the statistics of a design, if `keep` has seen it on files that have not been touched since.

    Args:
        experiment: the spec.
        names: of the arrays.

    Returns:
        The arrays by name, or None.
    """
    path = _file(experiment)
    if path is None or not path.exists():
        return None
    import numpy as np

    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in names}
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


def _file(experiment: Experiment) -> Path | None:
    """Where the statistics of this data and design are; None if a file of the spec is not there."""
    design = experiment.design
    ordering, gamma = getattr(design.schedule, "ordering", None), getattr(design.schedule, "gamma", None)
    parts: list[Model] = [experiment.data, design.basis, design.prior]
    if ordering is not None and ordering.kind == "file":
        parts.append(ordering)
    try:
        stamps = tuple(stamp for part in parts for stamp in _stamps(part))
    except (OSError, ValueError):  # a name that no file can have
        return None
    # the extreme variances are computed only where the schedule leaves an end to them
    needed = gamma is not None and None in (gamma.min, gamma.max)
    return cached_path("known", needed, *(part.model_dump_json() for part in parts), *stamps)


def _stamps(model: Model) -> Iterator[tuple[str, int, int]]:
    """(absolute path, time of the last change, size) of every file or folder that a part of the spec names."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Model):
            yield from _stamps(value)
        elif name in ("path", "root"):
            path = os.path.abspath(os.path.expanduser(value))
            status = os.stat(path)
            yield path, status.st_mtime_ns, status.st_size
