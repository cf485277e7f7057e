"""What large pages of memory save: the steps of a training with them and without, in runs that take turns.

    python -m benchmarks.large_pages specs/quickstart.yaml --pairs 5

Commands ask for them by themselves (`gudspec/cli/pages.py`) unless the environment says something of it: here it says
yes and no in turn. Prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks import command
from gudspec.cli.pages import SETTING

_LINE = 10
"""Steps from one line of `metrics.jsonl` to the next; the first ones, in which programs are compiled, do not count."""


class Spent(NamedTuple):
    """What a run took."""

    step: float
    """Median seconds of a step."""
    wall: float
    """Seconds of the whole run by the clock."""
    cpu: float
    """The same, of processors."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("spec")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    command.main(measure, parser)


def measure(spec: str, pairs: int, steps: int) -> dict[str, object]:
    """Medians over pairs of runs with large pages and without, and of their ratios."""
    given = (f"train.steps={steps}", f"train.log_every={_LINE}", "train.phases=[]", "evaluate=[]", "sample=[]")
    order = [sys.executable, "-m", "gudspec", "run", spec, *(part for one in given for part in ("--set", one))]
    with tempfile.TemporaryDirectory() as folder:
        taken(order, Path(folder), "compiled", large=True)
        runs: list[dict[bool, Spent]] = []
        for pair in range(pairs):
            turns = (True, False) if pair % 2 else (False, True)
            runs.append({large: taken(order, Path(folder), f"{pair}-{large}", large=large) for large in turns})
    step, wall, cpu = ([getattr(run[True], part) / getattr(run[False], part) for run in runs] for part in Spent._fields)
    return {
        "spec": spec,
        "goals": [
            command.goal("time of a step, with large pages over without", step),
            command.goal(f"clock of a whole run of {steps} steps, with over without", wall),
            command.goal("processors' time of the same", cpu),
        ],
        "sides": {
            name: {
                f"{part}_seconds": round(statistics.median(getattr(run[large], part) for run in runs), 4)
                for part in Spent._fields
            }
            for large, name in ((True, "large pages"), (False, "small pages"))
        },
        "pairs": pairs,
    }


def taken(order: list[str], folder: Path, name: str, *, large: bool) -> Spent:
    """Runs in a workdir of its own; all have the compilation cache in common."""
    arguments = [*order, "--workdir", str(folder / name), "--cache-dir", str(folder / "cache")]
    before = os.times()
    environment = os.environ | {"GLIBC_TUNABLES": f"{SETTING}={int(large)}"}
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = os.times()
    lines = (folder / name / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    step = statistics.median(json.loads(line)["step_seconds"] for line in lines[1:])
    cpu = sum(after[2:4]) - sum(before[2:4])  # of children that have ended
    return Spent(step, after.elapsed - before.elapsed, cpu)


if __name__ == "__main__":
    main()
