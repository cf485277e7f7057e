"""What a report knows of a run: the files of its working directory, as far as they are there."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from etils import epath

from gudspec.program.design import Statistics
from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment

__all__ = ["Picture", "Run", "read_run"]

_WATCHED = 3
"""The way from noise is kept of as many images."""
_DAMAGED = (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile)
"""What reading an archive raises that was cut off, or is none."""


class Picture(NamedTuple):
    """One picture of samples."""

    name: str
    """Its file, without the ending."""
    png: bytes
    """Its content."""
    facts: dict[str, Any]
    """Its entry in `summary.json`; empty for pictures that were drawn later."""
    animation: bytes | None = None
    """A GIF of the way from noise to these images, if it was kept."""
    shapes: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    """The arrays that it shows, by name, as `gudspec.program.tasks.drawn` describes them."""
    frames: np.ndarray | None = None
    """The way of its first few images from noise, [n, frames, H, W, C]."""
    numbers: epath.Path | None = None
    """The archive of these arrays; None where there is none to read."""

    @property
    def images(self) -> np.ndarray:
        """What was drawn, [n, …, H, W, C]."""
        assert self.numbers is not None, "nothing was kept"
        with np.load(io.BytesIO(self.numbers.read_bytes())) as archive:
            return np.asarray(archive["images"])


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

    @property
    def rises(self) -> np.ndarray | None:
        """W of a learned path, [pieces, groups]; None of any other, and before any training."""
        rises = self.summary.get("path", {}).get("rises")
        return None if rises is None else np.asarray(rises)


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
            return Statistics(**{name: arrays[name] for name in Statistics._fields if name in arrays})
    except _DAMAGED:
        return None


def _pictures(folder: epath.Path, entries: list[dict[str, Any]]) -> list[Picture]:
    if not folder.exists():
        return []
    files = {file.stem: file for file in sorted(folder.glob("*.png"), key=lambda file: file.name)}
    facts = {entry["name"]: entry for entry in entries}
    order = [name for name in facts if name in files] + [name for name in files if name not in facts]
    return [_picture(files[name], facts.get(name, {})) for name in order]


def _picture(file: epath.Path, facts: dict[str, Any]) -> Picture:
    moving, numbers = (file.parent / f"{file.stem}{ending}" for ending in (".gif", ".npz"))
    shapes, frames = _drawn(numbers)
    animation = moving.read_bytes() if moving.exists() and frames is not None else None  # not one of an earlier drawing
    return Picture(file.stem, file.read_bytes(), facts, animation, shapes, frames, numbers if shapes else None)


def _drawn(file: epath.Path) -> tuple[dict[str, tuple[int, ...]], np.ndarray | None]:
    """What the arrays of a drawing tell: their shapes, and the first few of `frames`."""
    if not file.exists():
        return {}, None
    try:
        with np.load(io.BytesIO(file.read_bytes())) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except _DAMAGED:
        return {}, None
    frames = arrays.get("frames")
    watched = frames[:_WATCHED] if frames is not None and frames.ndim == 5 and frames.shape[1] > 1 else None
    return {name: array.shape for name, array in arrays.items()}, watched
