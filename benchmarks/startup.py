"""What a compilation cache saves: the start of a run to its first step, with an empty cache and with a filled one.

    python -m benchmarks.startup specs/quickstart.yaml --pairs 3

Every start is a process of its own, `gudspec run`, which ends when its first step is in `metrics.jsonl`. The statistics
of the data are known to all. Of a pair, the second starts with what the first has compiled. Prints JSON, with seconds
of a clock and of processors: where others use the machine too, the latter say more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 3600


def main() -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("spec")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="override a value of the spec")
    options = parser.parse_args()
    print(json.dumps(measure(options.spec, options.pairs, options.set), indent=2))


def measure(spec: str, pairs: int, overrides: list[str]) -> dict[str, object]:
    """Medians over pairs of a cold and a warm start, and of their ratios."""
    changes = [part for change in (*overrides, "train.log_every=1") for part in ("--set", change)]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["GUDSPEC_CACHE"] = str(Path(folder) / "statistics")
        command = [sys.executable, "-m", "gudspec", "run", spec, *changes]
        first_step(command, Path(folder) / "prepared", Path(folder) / "unused")  # statistics, and files in memory
        cold, warm = [], []
        for pair in range(pairs):
            cache = Path(folder) / f"cache-{pair}"
            cold.append(first_step(command, Path(folder) / f"cold-{pair}", cache))
            warm.append(first_step(command, Path(folder) / f"warm-{pair}", cache))

    def medians(values: list[tuple[float, float]]) -> dict[str, float]:
        names = ("wall_seconds", "cpu_seconds")
        return {
            name: round(statistics.median(of), 3) for name, of in zip(names, zip(*values, strict=True), strict=True)
        }

    return {
        "spec": spec,
        "overrides": overrides,
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "pairs": pairs,
        "load_before": round(load, 2),
        "ratio": medians([(w[0] / c[0], w[1] / c[1]) for c, w in zip(cold, warm, strict=True)]),
        "cold": medians(cold),
        "warm": medians(warm),
    }


def first_step(command: list[str], workdir: Path, cache: Path) -> tuple[float, float]:
    """Seconds from the start of a run to its first step, by the clock and of processors.

    Raises:
        RuntimeError: the run ended before, or took no step in an hour.
    """
    metrics = workdir / "metrics.jsonl"
    start = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--workdir", str(workdir), "--cache-dir", str(cache)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not (metrics.exists() and metrics.stat().st_size):
            if process.poll() is not None or time.perf_counter() - start > _PATIENCE_SECONDS:
                raise RuntimeError(f"no step was taken: {' '.join(command)}")
            time.sleep(_POLL_SECONDS)
        wall = time.perf_counter() - start
    finally:
        process.kill()
    _, code, usage = os.wait4(process.pid, 0)
    process.returncode = code  # it is known now: nobody else has to wait for it
    return wall, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
