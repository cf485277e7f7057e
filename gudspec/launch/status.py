"""How the runs of a folder are doing, from the files that they leave. Loads no JAX."""

import json
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from etils import epath

from gudspec.engine.jsonfiles import read_last, read_object
from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import loads

__all__ = ["EXITS", "Row", "rows", "table"]

EXITS = "exits.json"
"""How the runs of a sweep ended, by name, `code` and `time`: a file of the sweep's folder."""
_SILENT = 60.0
"""Seconds without a heartbeat after which a run counts as lost."""
_DEEPEST = 4
_WORDS = {1: "failed", 2: "refused", 3: "diverged", 75: "interrupted"}


@dataclass(frozen=True)
class Row:
    """A run, as its files show it; what they do not tell is None."""

    name: str
    """Path of the workdir below the folder."""
    status: str
    """`running`, `lost` (no sign of life for a minute), `done`, `failed`, `refused`, `diverged`, `interrupted`,
    `stopped` (ended for a reason that no file tells), or `waiting` (not started)."""
    phase: str | None = None
    """What a running one is doing."""
    step: int | None = None
    """Steps of training that are behind it."""
    steps: int | None = None
    """Steps that the spec asks for."""
    loss: float | None = None
    """Mean loss of the last interval."""
    images_per_second: float | None = None
    """Speed of the last interval."""
    nll_bits_per_dim: float | None = None
    """The first likelihood at the nominal parameters."""
    updated: float | None = None
    """Last sign of life, in seconds since 1970."""


def rows(folder: str, expected: Sequence[str] = ()) -> list[Row]:
    """The runs of a folder, in the order of their names.

    Args:
        folder: what holds the workdirs, at any of a few depths, or a workdir itself.
        expected: names of runs that are listed though they have no workdir yet; they come first, in this order.
    """
    root = epath.Path(folder).expanduser()
    exits = read_object(root / EXITS)
    found = dict(_workdirs(root, "", _DEEPEST))
    names = [*expected, *(name for name in sorted(found) if name not in expected)]
    return [_row(name, found.get(name), exits.get(name)) for name in names]


def _workdirs(folder: epath.Path, name: str, depth: int) -> Iterator[tuple[str, epath.Path]]:
    if (folder / "spec.resolved.yaml").exists():
        yield name or folder.name, folder
    elif depth and folder.is_dir():
        for inner in folder.iterdir():
            if not inner.name.startswith(".") and inner.is_dir():
                yield from _workdirs(inner, f"{name}/{inner.name}" if name else inner.name, depth - 1)


def _row(name: str, workdir: epath.Path | None, told: object) -> Row:
    ended = told if isinstance(told, dict) else {}
    if workdir is None:
        return Row(name, _WORDS.get(ended.get("code", 0), "waiting"))
    beat, summary = read_object(workdir / "heartbeat.json"), read_object(workdir / "summary.json")
    last = read_last(workdir / "metrics.jsonl")
    steps = _steps(workdir)
    done = (workdir / "report.html").exists() and summary.get("steps") == steps
    reached = [found for one in (beat, last, summary if done else {}) if (found := one.get("step", one.get("steps")))]
    updated = beat.get("time")
    alive = bool(beat) and beat.get("phase") != "ended"
    if alive and time.time() - float(updated or 0) < _SILENT:
        status = "running"
    elif alive and not done:
        status = "lost"
    else:
        # who ended it after the sweep has the last word
        last_word = ended if ended.get("time", 0) >= (updated or 0) else beat
        status = "done" if done else _WORDS.get(last_word.get("code", 0), "stopped")
    return Row(
        name,
        status,
        beat.get("phase") if status == "running" else None,
        max(reached, default=None),
        steps,
        _finite(last.get("loss")),
        _finite(last.get("images_per_second")),
        _finite(summary.get("nll_bits_per_dim")) if done else None,
        updated,
    )


def _steps(workdir: epath.Path) -> int | None:
    file = workdir / "spec.resolved.yaml"
    try:
        return loads(file.read_text(), name=os.fspath(file)).train.total_steps
    except (SpecError, UnicodeDecodeError):  # of another version, or damaged
        return None


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def table(listed: Sequence[Row], form: str) -> str:
    """The runs as text.

    Args:
        listed: the runs.
        form: `table`, or `json`: a list of objects with the fields of `Row`.
    """
    if form == "json":
        return json.dumps([asdict(row) for row in listed], indent=2)
    from rich.console import Console
    from rich.table import Table

    columns = ("run", "status", "step", "loss", "images/s", "bits/dim", "seen")
    grid = Table(box=None, pad_edge=False)
    for column in columns:
        grid.add_column(column, justify="left" if column in ("run", "status") else "right", no_wrap=True)
    for row in listed:
        step = f"{row.step or 0:,}" + (f" / {row.steps:,}" if row.steps else "")
        cells = (_number(row.loss, ".4f"), _number(row.images_per_second, ",.0f"), _number(row.nll_bits_per_dim, ".3f"))
        status = f"{row.status} ({row.phase})" if row.phase else row.status
        grid.add_row(row.name, status, step if row.steps else "", *cells, _ago(row.updated))
    console = Console(width=200, highlight=False)
    with console.capture() as text:
        console.print(grid)
    return "\n".join(line.rstrip() for line in text.get().splitlines())


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _ago(then: float | None) -> str:
    if then is None:
        return ""
    seconds = max(time.time() - then, 0)
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
