"""What a report knows of a run: the files of its working directory, as far as they are there."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from gudspec.program.design import Statistics
from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment

__all__ = ["Picture", "Run", "read_run"]


class Picture(NamedTuple):
    """One picture of samples."""

    name: str
    """Its file, without the ending."""
    png: bytes
    """Its content."""
    facts: dict[str, Any]
    """Its entry in `summary.json`; empty for pictures that were drawn later."""


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its working directory tells it. Whatever is missing, or was cut off, is empty.

    Args:
        name: the experiment's name, or the folder's.
        spec: text of `spec.resolved.yaml`.
        experiment: what that text says; None if this version cannot read it.
        summary: `summary.json`.
        provenance: `provenance.json`.
        metrics: the lines of `metrics.jsonl`.
        statistics: `statistics.npz`; None if it is missing.
        pictures: `samples/*.png`, those of the spec first and in its order.
        parameters: text of `parameters.txt`.
    """

    name: str
    spec: str
    experiment: Experiment | None
    summary: dict[str, Any]
    provenance: dict[str, Any]
    metrics: list[dict[str, Any]]
    statistics: Statistics | None
    pictures: list[Picture]
    parameters: str


def read_run(workdir: str | os.PathLike[str]) -> Run:
    """Reads a working directory.

    Args:
        workdir: a local folder or a `gs://` address.
    """
    folder = epath.Path(workdir)
    spec, summary = _text(folder / "spec.resolved.yaml"), _object(_text(folder / "summary.json"))
    experiment = _experiment(spec)
    return Run(
        name=summary.get("name") or (experiment.name if experiment else folder.name),
        spec=spec,
        experiment=experiment,
        summary=summary,
        provenance=_object(_text(folder / "provenance.json")),
        metrics=[line for line in map(_object, _text(folder / "metrics.jsonl").splitlines()) if "step" in line],
        statistics=_statistics(folder / "statistics.npz"),
        pictures=_pictures(folder / "samples", summary.get("samples") or []),
        parameters=_text(folder / "parameters.txt"),
    )


def _text(file: epath.Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _experiment(text: str) -> Experiment | None:
    try:
        return loads(text, name="spec.resolved.yaml")
    except SpecError:
        return None


def _statistics(file: epath.Path) -> Statistics | None:
    if not file.exists():
        return None
    try:
        with np.load(io.BytesIO(file.read_bytes())) as arrays:
            return Statistics(**{name: arrays[name] for name in Statistics._fields})
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return None


def _pictures(folder: epath.Path, entries: list[dict[str, Any]]) -> list[Picture]:
    if not folder.exists():
        return []
    files = {file.stem: file for file in sorted(folder.glob("*.png"), key=lambda file: file.name)}
    facts = {entry["name"]: entry for entry in entries}
    order = [name for name in facts if name in files] + [name for name in files if name not in facts]
    return [Picture(name, files[name].read_bytes(), facts.get(name, {})) for name in order]
