"""What checkpoints and input cost: a training that saves every 100 steps beside one that saves at its end alone.

    python -m benchmarks.saving specs/quickstart.yaml --pairs 5

The two are runs of `gudspec run` that take turns. What is compared is the time of training as `metrics.jsonl` has it,
without a hundred steps before, in which programs are compiled: saves go on in the background, and what they slow down
is in it. Prints JSON.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import command
from benchmarks.runs import started

_BEFORE = 100
"""Steps that are not counted."""
_NEVER = 10**9


class Spent(NamedTuple):
    """Seconds of a training."""

    training: float
    """All of it."""
    waiting: float
    """For input."""
    saving: float
    """Of the train loop itself, for checkpoints."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("spec")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--every", type=int, default=100)
    changed: dict[str, Any] = {"action": "append", "default": [], "dest": "overrides", "metavar": "PATH=VALUE"}
    parser.add_argument("--set", **changed, help="override a value of the spec")
    command.main(measure, parser)


def measure(spec: str, pairs: int, steps: int, every: int, overrides: list[str]) -> dict[str, object]:
    """Medians over pairs of a training with checkpoints and one without, and of their ratios."""
    given = (
        f"train.steps={_BEFORE + steps}",
        "train.phases=[]",
        "train.log_every=20",
        "evaluate=[]",
        "sample=[]",
        *overrides,
    )
    with tempfile.TemporaryDirectory() as folder:

        def spent(name: str, each: int) -> Spent:
            changes = [*given, f"checkpoint.every={each}"]
            lines = started(spec, Path(folder) / name, changes, cache=Path(folder) / "cache").lines
            later = [line for line in lines if line["step"] > _BEFORE]
            names = ("seconds", "input_seconds", "checkpoint_seconds")
            return Spent(*(sum(line[part] for line in later) for part in names))

        spent("compiled", every)
        runs: list[dict[int, Spent]] = []
        for pair in range(pairs):
            turns = (every, _NEVER) if pair % 2 else (_NEVER, every)
            runs.append({each: spent(f"{pair}-{each}", each) for each in turns})
    slower = [run[every].training / run[_NEVER].training for run in runs]
    waiting = [run[_NEVER].waiting / run[_NEVER].training for run in runs]
    return {
        "spec": spec,
        "overrides": overrides,
        "goals": [
            command.goal(f"time of training, saving every {every} steps over saving once", slower, at_most=1.05),
            command.goal("share of the time that waits for input", waiting, at_most=0.01),
        ],
        "sides": {
            name: {
                f"{part}_seconds": round(statistics.median(getattr(run[each], part) for run in runs), 3)
                for part in Spent._fields
            }
            for each, name in ((every, f"every {every}"), (_NEVER, "once"))
        },
        "steps": steps,
        "pairs": pairs,
    }


if __name__ == "__main__":
    main()
