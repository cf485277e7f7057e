"""Whole runs, started as a user starts them, and what their workdirs tell."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Run", "read", "started"]


class Run(NamedTuple):
    """What a run has written, and what it took."""

    lines: list[dict[str, float]]
    """Of `metrics.jsonl`."""
    summary: dict[str, Any]
    wall: float = 0.0
    """Seconds by the clock; 0 where it was only read."""
    cpu: float = 0.0
    """The same, of processors."""

    @property
    def step(self) -> float:
        """Median seconds of a step over the lines; compilation is left out of the first."""
        return statistics.median(line["step_seconds"] for line in self.lines)


def started(
    spec: str,
    workdir: Path,
    overrides: Sequence[str],
    *,
    cache: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    root: Path | None = None,
) -> Run:
    """`gudspec run` in a process of its own.

    Args:
        spec: path of the spec.
        workdir: where it runs.
        overrides: `path=value` each.
        cache: compiled programs that runs have in common; None keeps them in the workdir.
        environment: of the process.
        root: where it is started; None is here.

    Raises:
        CalledProcessError: it failed.
    """
    sets = [word for one in overrides for word in ("--set", one)]
    kept = [] if cache is None else ["--cache-dir", str(cache)]
    before = os.times()
    subprocess.run(
        [sys.executable, "-m", "gudspec", "run", spec, "--workdir", str(workdir), *sets, *kept],
        check=True,
        cwd=root,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    after = os.times()
    cpu = sum(after[2:4]) - sum(before[2:4])  # of children that have ended
    return read(workdir)._replace(wall=after.elapsed - before.elapsed, cpu=cpu)


def read(workdir: Path) -> Run:
    """A run that is done."""
    lines = (workdir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    summary = json.loads((workdir / "summary.json").read_text(encoding="utf-8"))
    return Run([json.loads(line) for line in lines], summary)
