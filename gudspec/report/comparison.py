"""Runs side by side: what differs between their specs, and what came of it. From working directories alone."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from etils import epath
from pydantic import BaseModel

from gudspec.errors import Refused
from gudspec.report.numbers import real
from gudspec.report.reading import Run, read_run
from gudspec.spec.resolved import flow

__all__ = ["Comparison", "Difference", "Likelihood", "Value", "as_json", "compare"]

_RESULTS = {"evaluate", "sample"}
"""Sections whose entries are known by name, not by number."""
_UNSAID = {"name", "launch", "mesh", "checkpoint", "sweep"}
"""Sections that change no result."""


class Difference(NamedTuple):
    """A field of the spec that not all runs have in common."""

    path: str
    """Dotted; an entry of a list of results is named."""
    values: list[str | None]
    """As YAML, a value for each run; None where it has no such field."""


class Value(NamedTuple):
    """What a run was measured to have."""

    value: float | None
    """bits/dim; None if it is not finite."""
    standard_error: float | None
    """Of the mean over images; None if there is one image."""


@dataclass(frozen=True)
class Likelihood:
    """An evaluation that runs have in common: of one name and kind, on as many images of one split, at one point.

    Args:
        name: its name in the spec.
        kind: `likelihood` or `bound`.
        split: which images.
        images: how many.
        at: parameters of the path that were chosen.
        values: what each run has; None where it was not measured.
    """

    name: str
    kind: str
    split: str
    images: int
    at: dict[str, float]
    values: list[Value | None]

    @property
    def best(self) -> int | None:
        """The run with the lowest value; None if fewer than two can be compared."""
        found = [(v.value, index) for index, v in enumerate(self.values) if v is not None and v.value is not None]
        return min(found)[1] if len(found) > 1 else None

    def close(self, index: int) -> bool:
        """Whether a run is within two standard errors of the best, √(e² + e_best²) each.

        That treats the runs' images as independent. They are the same, so it calls too much close rather than too
        little.
        """
        mine, best = self.values[index], self.best
        if best is None or mine is None or mine.value is None:
            return False
        other = self.values[best]
        assert other is not None
        assert other.value is not None
        error = math.hypot(mine.standard_error or 0.0, other.standard_error or 0.0)
        return index == best or mine.value - other.value <= 2 * error


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs side by side.

    Args:
        workdirs: their folders, as they were given.
        labels: a name for each, by which it can be told from the others.
        runs: what is known of them.
        differences: the fields in which their specs differ.
        likelihoods: what was measured, in the order in which it is found.
    """

    workdirs: list[str]
    labels: list[str]
    runs: list[Run]
    differences: list[Difference]
    likelihoods: list[Likelihood]

    @property
    def same_data(self) -> bool:
        """Whether all are measured on the same images: else their bits/dim mean different things."""
        return not any(one.path.startswith(("data.source", "data.dequantize")) for one in self.differences)

    @property
    def same_objective(self) -> bool:
        """Whether their losses measure the same; a path of its own changes what a loss averages over."""
        return not any(one.path.startswith(("data.", "design.", "objective.")) for one in self.differences)

    def best(self, likelihood: Likelihood) -> int | None:
        """The best run of a row, if their numbers can be compared."""
        return likelihood.best if self.same_data else None


def compare(workdirs: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Puts runs side by side.

    Args:
        workdirs: two or more, local folders or `gs://` addresses.

    Raises:
        Refused: one is no workdir, cannot be read by this version, or is named twice; or there are fewer than two.
    """
    given = [os.fspath(workdir) for workdir in workdirs]
    if len(given) < 2:
        raise Refused("a comparison needs two workdirs or more. `report.html` in each shows one run")
    for folder, count in Counter(os.path.normpath(folder) for folder in given).items():
        if count > 1:
            raise Refused(f"{folder} is given {count} times: a run is not compared with itself")
    runs = [_read(folder) for folder in given]
    return Comparison(given, _labels(given, runs), runs, list(_differences(runs)), _likelihoods(runs))


def _read(folder: str) -> Run:
    spec = epath.Path(folder).expanduser() / "spec.resolved.yaml"
    if not spec.exists():
        raise Refused(f"{folder} is not a workdir: it has no spec.resolved.yaml. `gudspec run` makes one")
    run = read_run(spec.parent)
    if run.experiment is None:
        raise Refused(f"{spec} cannot be read by this version of gudspec: `gudspec lint {spec}` tells why")
    return run


def _labels(folders: list[str], runs: list[Run]) -> list[str]:
    """Names that are unique: of the experiments, else of the folders, else their whole paths."""
    names, ends = [run.name for run in runs], [epath.Path(folder).name for folder in folders]
    return next((labels for labels in (names, ends) if len(set(labels)) == len(labels)), folders)


def _differences(runs: list[Run]) -> Iterator[Difference]:
    trees = [{} if run.experiment is None else dict(_fields(run.experiment)) for run in runs]
    for section in dict.fromkeys(key for tree in trees for key in tree):
        if section not in _UNSAID:
            yield from _differing(section, [tree.get(section) for tree in trees])


def _differing(path: str, values: list[Any]) -> Iterator[Difference]:
    """The fields below a path in which values differ; one that some lack is listed as a whole."""
    if all(value == values[0] for value in values):
        return
    inner = [dict(_fields(value)) for value in values]
    if not all(inner):
        yield Difference(path, [None if value is None else flow(value) for value in values])
        return
    for key in dict.fromkeys(key for fields in inner for key in fields):
        yield from _differing(f"{path}.{key}", [fields.get(key) for fields in inner])


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """What has a name inside a value; nothing if it is a leaf."""
    if isinstance(value, BaseModel):
        for key in sorted(type(value).model_fields, key="kind".__ne__):
            inner = getattr(value, key)
            yield key, {one.name: one for one in inner} if key in _RESULTS else inner
    elif isinstance(value, dict):
        yield from value.items()


def _likelihoods(runs: list[Run]) -> list[Likelihood]:
    found: dict[tuple[Any, ...], Likelihood] = {}
    for index, run in enumerate(runs):
        for result in run.summary.get("evaluations") or []:
            at = result.get("at") or {}
            asked = (result.get("name", ""), result.get("kind", ""), result.get("split", ""), result.get("images", 0))
            row = found.setdefault((*asked, *sorted(at.items())), Likelihood(*asked, at, [None] * len(runs)))
            row.values[index] = Value(real(result.get("value")), real(result.get("standard_error")))
    return list(found.values())


def as_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison for programs: `runs`, `differences` and `likelihoods`; what is not known is None.

    Values of differences and likelihoods are in the order of `runs`; `best` is an index into it.
    """
    told = ("steps", "parameters", "images_per_second", "wall_seconds", "nll_bits_per_dim", "gaussian_bits_per_dim")
    return {
        "runs": [
            {"label": label, "workdir": workdir}
            | {
                key: run.summary.get(key) if key in ("steps", "parameters") else real(run.summary.get(key))
                for key in told
            }
            | {"devices": run.provenance.get("devices"), "samples": [picture.name for picture in run.pictures]}
            for label, workdir, run in zip(comparison.labels, comparison.workdirs, comparison.runs, strict=True)
        ],
        "differences": [one._asdict() for one in comparison.differences],
        "likelihoods": [
            {
                "name": row.name,
                "kind": row.kind,
                "split": row.split,
                "images": row.images,
                "at": row.at,
                "values": [None if value is None else value._asdict() for value in row.values],
                "best": comparison.best(row),
            }
            for row in comparison.likelihoods
        ],
    }
