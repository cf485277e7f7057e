"""Time to a likelihood: the quickstart's recipe against the one that it had before, with Adam, in one run.

    python -m benchmarks.recipes --target 2.35

The learning rate falls to 0 at the end of a training, so each number of steps is a training of its own. They grow until
the validation images, which are not trained on, reach the target.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import gudspec
from benchmarks import command
from benchmarks.sizes import OPTIMIZER, SPEC

RECIPES = {"muon": ([], range(300, 701, 50)), "adam": ([OPTIMIZER], range(600, 1401, 100))}
_ALL = [
    "data.validation=0.1",
    "evaluate=[{name: nll, kind: likelihood, split: validation}]",
    "sample=[]",
    "checkpoint.every=100000",
]


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--target", type=float, default=2.35, help="bits/dim of the validation images")
    command.main(measure, parser)


def measure(target: float) -> dict[str, Any]:
    """All trainings, and the time of the first that reaches the target."""
    sides, least = {}, {}
    for name, (overrides, budgets) in RECIPES.items():
        for steps in budgets:
            found = trained([*overrides, f"train.steps={steps}"])
            sides[f"{name}, {steps} steps"] = found
            if found["bits_per_dim"] <= target:
                least[name] = found["training_seconds"]
                break
    goals = []
    if len(least) == len(RECIPES):
        ratio = round(least["muon"] / least["adam"], 3)
        goals = [command.goal(f"time to {target} bits/dim over that with Adam", ratio, at_most=0.5)]
    return {"spec": SPEC, "goals": goals, "sides": sides}


def trained(overrides: list[str]) -> dict[str, float]:
    """Validation likelihood after a training, and how long its steps took together, compilation left out."""
    experiment = gudspec.load(SPEC, [*_ALL, *overrides])
    with tempfile.TemporaryDirectory() as folder:
        gudspec.run(experiment, folder)
        summary = json.loads((Path(folder) / "summary.json").read_text(encoding="utf-8"))
        lines = (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    step = statistics.median(json.loads(line)["step_seconds"] for line in lines)
    (nll,) = summary["evaluations"]
    return {
        "bits_per_dim": round(nll["value"], 3),
        "standard_error": round(nll["standard_error"], 3),
        "milliseconds_per_step": round(1e3 * step, 1),
        "training_seconds": round(step * experiment.train.steps, 1),
    }


if __name__ == "__main__":
    main()
