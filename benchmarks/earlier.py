"""How soon the quickstart reaches a likelihood, against an earlier version of all: program, network and recipe.

    python -m benchmarks.earlier --commit 581ec42 --then 900 1100 --now 300 400

Each version trains its own `specs/quickstart.yaml`, for several numbers of steps since the learning rate falls to 0 at
the end, and measures the same validation images. They take turns. Compilation and input are left out of the time.
"""

from __future__ import annotations

import math
import os
import subprocess
import tempfile
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

from benchmarks import command
from benchmarks.recipes import Point, reached
from benchmarks.runs import started
from benchmarks.sizes import SPEC

_ROOT = Path(__file__).parents[1]
_CHANGES = [
    "data.validation=0.1",
    "evaluate=[{name: nll, kind: likelihood, split: validation}]",
    "sample=[]",
    "checkpoint={every: 100000}",
]


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--commit", required=True, help="the earlier version")
    parser.add_argument("--then", type=int, nargs="+", required=True, help="steps of its trainings")
    parser.add_argument("--now", type=int, nargs="+", required=True, help="steps of those of this version")
    parser.add_argument("--target", type=float, default=2.35, help="bits/dim whose times are compared")
    command.main(measure, parser)


def measure(commit: str, then: Sequence[int], now: Sequence[int], target: float) -> dict[str, Any]:
    """Curves of both versions, and the ratio of their times to the target."""
    curves: dict[str, list[Point]] = {commit: [], "now": []}
    sides: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        before = Path(folder) / "before"
        subprocess.run(["git", "clone", "--quiet", "--shared", str(_ROOT), str(before)], check=True)
        subprocess.run(["git", "-C", str(before), "checkout", "--quiet", commit], check=True)
        for steps in zip_longest(then, now):
            for name, root, count in zip(curves, (before, _ROOT), steps, strict=True):
                if count is not None:
                    curves[name].append(trained(root, count, Path(folder) / f"{name}-{count}"))
                    seconds, bits = curves[name][-1]
                    sides[f"{name}, {count} steps"] = {
                        "bits_per_dim": round(bits, 3),
                        "milliseconds_per_step": round(1e3 * seconds / count, 1),
                        "training_seconds": round(seconds, 1),
                    }
    took, before_took = (reached(curves[name], target) for name in ("now", commit))
    if math.isinf(took + before_took):
        raise SystemExit(f"{target} bits/dim was not reached: give more steps than {then} and {now}\n{sides}")
    what = f"time to {target} bits/dim over that of the earlier version"
    return {"spec": SPEC, "goals": [command.goal(what, round(took / before_took, 3), at_most=0.5)], "sides": sides}


def trained(root: Path, steps: int, workdir: Path) -> Point:
    """Trains the quickstart of a checkout, with its own code."""
    # as a user starts it: what this process has set for itself is none of theirs
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    changes = [*_CHANGES, f"train.steps={steps}"]
    run = started(SPEC, workdir, changes, environment=environment | {"PYTHONPATH": str(root)}, root=root)
    (nll,) = run.summary["evaluations"]
    return Point(steps * run.step, nll["value"])


if __name__ == "__main__":
    main()
