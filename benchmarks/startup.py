"""What a compilation cache saves: the start of a run to its first step, with an empty cache and with a filled one.

    python -m benchmarks.startup specs/quickstart.yaml --pairs 3

Every start is a process of its own, `gudspec run`, which ends when its first step is in `metrics.jsonl`. The statistics
of the data are known to all. Of a pair, the second starts with what the first has compiled. Prints JSON, with seconds
of a clock and of processors: where others use the machine too, the latter say more.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import command

_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 3600


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("spec")
    parser.add_argument("--pairs", type=int, default=3)
    changed: dict[str, Any] = {"action": "append", "default": [], "dest": "overrides", "metavar": "PATH=VALUE"}
    parser.add_argument("--set", **changed, help="override a value of the spec")
    command.main(measure, parser)


def measure(spec: str, pairs: int, overrides: list[str]) -> dict[str, object]:
    """Medians over pairs of a cold and a warm start, and of their ratios."""
    changes = [part for change in (*overrides, "train.log_every=1") for part in ("--set", change)]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GUDSPEC_CACHE"] = str(Path(folder) / "statistics")
        order = [sys.executable, "-m", "gudspec", "run", spec, *changes]
        first_step(order, Path(folder) / "prepared", Path(folder) / "unused")  # statistics, and files in memory
        cold, warm = [], []
        for pair in range(pairs):
            cache = Path(folder) / f"cache-{pair}"
            cold.append(first_step(order, Path(folder) / f"cold-{pair}", cache))
            warm.append(first_step(order, Path(folder) / f"warm-{pair}", cache))

    def medians(values: list[tuple[float, float]]) -> dict[str, float]:
        names = ("wall_seconds", "cpu_seconds")
        return {
            name: round(statistics.median(of), 3) for name, of in zip(names, zip(*values, strict=True), strict=True)
        }

    clock, processors = ([w[kind] / c[kind] for c, w in zip(cold, warm, strict=True)] for kind in (0, 1))
    return {
        "spec": spec,
        "overrides": overrides,
        "goals": [
            command.goal("clock to the first step, warm over cold", clock, at_most=0.4),
            command.goal("processors' time to the first step, warm over cold", processors, at_most=0.4),
        ],
        "sides": {"cold": medians(cold), "warm": medians(warm)},
        "pairs": pairs,
    }


def first_step(order: list[str], workdir: Path, cache: Path) -> tuple[float, float]:
    """Seconds from the start of a run to its first step, by the clock and of processors.

    Raises:
        RuntimeError: the run ended before, or took no step in an hour.
    """
    metrics = workdir / "metrics.jsonl"
    start = time.perf_counter()
    process = subprocess.Popen(
        [*order, "--workdir", str(workdir), "--cache-dir", str(cache)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (metrics.exists() and metrics.stat().st_size):
            if process.poll() is not None or time.perf_counter() - start > _PATIENCE_SECONDS:
                raise RuntimeError(f"no step was taken: {' '.join(order)}")
            time.sleep(_POLL_SECONDS)
        wall = time.perf_counter() - start
    finally:
        process.kill()
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = code  # it is known now: nobody else has to wait for it
    return wall, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
