"""What large pages of memory save: the steps of a training with them and without, in runs that take turns.

    python -m benchmarks.large_pages specs/quickstart.yaml --pairs 5

Commands ask for them by themselves (`gudspec/cli/pages.py`) unless the environment says something of it: here it says
yes and no in turn. Prints JSON.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path

from benchmarks import command
from benchmarks.runs import Run, started
from gudspec.cli.pages import SETTING

_PARTS = ("step", "wall", "cpu")


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("spec")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--steps", type=int, default=150)
    command.main(measure, parser)


def measure(spec: str, pairs: int, steps: int) -> dict[str, object]:
    """Medians over pairs of runs with large pages and without, and of their ratios."""
    given = (f"train.steps={steps}", "train.log_every=10", "train.phases=[]", "evaluate=[]", "sample=[]")
    with tempfile.TemporaryDirectory() as folder:

        def run(name: str, large: bool) -> Run:
            environment = os.environ | {"GLIBC_TUNABLES": f"{SETTING}={int(large)}"}
            return started(spec, Path(folder) / name, given, cache=Path(folder) / "cache", environment=environment)

        run("compiled", large=True)
        runs: list[dict[bool, Run]] = []
        for pair in range(pairs):
            turns = (True, False) if pair % 2 else (False, True)
            runs.append({large: run(f"{pair}-{large}", large) for large in turns})
    step, wall, cpu = ([getattr(one[True], of) / getattr(one[False], of) for one in runs] for of in _PARTS)
    return {
        "spec": spec,
        "goals": [
            command.goal("time of a step, with large pages over without", step),
            command.goal(f"clock of a whole run of {steps} steps, with over without", wall),
            command.goal("processors' time of the same", cpu),
        ],
        "sides": {
            name: {
                f"{part}_seconds": round(statistics.median(getattr(one[large], part) for one in runs), 4)
                for part in _PARTS
            }
            for large, name in ((True, "large pages"), (False, "small pages"))
        },
        "pairs": pairs,
    }


if __name__ == "__main__":
    main()
