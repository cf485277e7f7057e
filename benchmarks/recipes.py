"""Learning curves: bits/dim of validation images against the time of training, with Muon and with Adam, in one run.

    python -m benchmarks.recipes --on digits --target 2.35
    python -m benchmarks.recipes --on specs/dvdp/photos.yaml --steps 300

The learning rate falls to 0 at the end of a training, so each number of steps is a training of its own. Rates are tried
with the fewest steps, twice as high and half as high ones for as long as the best is the last of them, and the best one
goes on. The quickstart's design is measured by its likelihood, any
other spec by its variational bound.
"""

from __future__ import annotations

import functools
import itertools
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gudspec
from benchmarks import command
from benchmarks.runs import read
from benchmarks.sizes import SPEC

ON = {
    "digits": [],
    "photos16": ["data.source={kind: photos, size: 16}", "train.batch_size=64"],
    "photos32": ["data.source={kind: photos, size: 32}", "train.batch_size=32"],
}
"""The quickstart on other images."""
RATES = {"muon": 1e-2, "adam": 2e-3}
"""Where the search for the best rate begins."""
_IMAGES = 128
"""Validation images, evenly spread over all; every training is measured on the same ones."""
LIKELIHOOD = f"evaluate=[{{name: nll, kind: likelihood, split: validation, images: {_IMAGES}}}]"
_BOUND = f"evaluate=[{{name: bound, kind: bound, split: validation, images: {2 * _IMAGES}, times: 64}}]"
ALL = ["data.validation=0.1", "sample=[]", "checkpoint.every=100000"]


class Point(NamedTuple):
    """A training of a learning curve."""

    seconds: float
    """Of its steps together, compilation and input left out."""
    bits: float
    """Bits/dim of validation images."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--on", default="digits", help=f"{', '.join(ON)}: the quickstart's design; or a spec")
    parser.add_argument("--steps", type=int, nargs="+", default=[200, 400, 800, 1600], help="of the trainings")
    parser.add_argument("--target", type=float, help="bits/dim whose times are compared")
    command.main(measure, parser)


def measure(on: str, steps: Sequence[int], target: float | None) -> dict[str, Any]:
    """Curves of both optimizers, and the ratio of their times to the target."""
    spec, overrides = (SPEC, [*ON[on], LIKELIHOOD]) if on in ON else (on, [_BOUND])
    train = functools.partial(trained, spec, [*overrides, *ALL])
    sides: dict[str, dict[str, float]] = {}
    curves = {}
    for kind, rate in RATES.items():
        best, shortest = best_rate(lambda rate, kind=kind: train(kind, rate, steps[0], sides), rate)
        curves[kind] = [shortest, *(train(kind, best, count, sides) for count in steps[1:])]
    goals = []
    if target is not None:
        muon, adam = (reached(curves[kind], target) for kind in RATES)
        goals = [command.goal(f"time to {target} bits/dim over that with Adam", round(muon / adam, 3))]
    return {"spec": spec, "size": on, "goals": goals, "sides": sides}


def trained(
    spec: str, overrides: list[str], kind: str, rate: float, steps: int, sides: dict[str, dict[str, float]]
) -> Point:
    """Trains, and writes down what it gave."""
    optimizer = f"train.optimizer={{kind: {kind}, learning_rate: {rate}, schedule: cosine, warmup: 50, clip: 1.0}}"
    experiment = gudspec.load(spec, [*overrides, optimizer, f"train.steps={steps}"])
    with tempfile.TemporaryDirectory() as folder:
        gudspec.run(experiment, folder)
        run = read(Path(folder))
    (measured,) = run.summary["evaluations"]
    sides[f"{kind}, rate {rate:g}, {steps} steps"] = {
        "bits_per_dim": round(measured["value"], 3),
        "standard_error": round(measured["standard_error"], 3),
        "milliseconds_per_step": round(1e3 * run.step, 1),
        "training_seconds": round(run.step * steps, 1),
    }
    return Point(run.step * steps, measured["value"])


def best_rate(train: Callable[[float], Point], start: float) -> tuple[float, Point]:
    """The best of the rates start · 2^k, better than the next lower and the next higher one, and its training."""
    tried = {rate: train(rate) for rate in (start / 2, start, 2 * start)}
    while True:
        best = min(tried, key=lambda rate: tried[rate].bits)
        beside = {best / 2, 2 * best} - set(tried)
        if not beside:
            return best, tried[best]
        tried |= {rate: train(rate) for rate in beside}


def reached(curve: Sequence[Point], target: float) -> float:
    """Seconds to so many bits/dim: linear in log seconds between two trainings, infinite if none reached it."""
    for before, after in itertools.pairwise(curve):
        if before.bits > target >= after.bits:
            share = (before.bits - target) / (before.bits - after.bits)
            return before.seconds * (after.seconds / before.seconds) ** share
    if curve[0].bits <= target:
        raise ValueError(f"the shortest training has {curve[0].bits:.3f} bits/dim already: give fewer --steps")
    return math.inf


if __name__ == "__main__":
    main()
