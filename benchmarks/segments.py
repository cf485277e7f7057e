"""What dropping levels saves: a spec with its segments against the same spec with `segments: off`, in one run.

    python -m benchmarks.segments specs/dvdp/photos.yaml --rounds 5 --steps 800

Train and sample speeds are medians over rounds that take turns. With `--steps` both are then trained on
equally many images and their likelihoods compared, image by image.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

import gudspec
from benchmarks import command
from benchmarks.runs import read
from benchmarks.turns import Side, ratios, take_turns
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.keys import root
from gudspec.program.program import Program

VARIANTS = ("auto", "off")


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("spec")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=0, help="train both so long, and compare their likelihoods")
    command.main(measure, parser)


def measure(spec: str, rounds: int, steps: int) -> dict[str, Any]:
    """Speeds, and likelihoods where training is asked for."""
    found = speeds(spec, rounds)
    if steps:
        for name, numbers in likelihoods(spec, steps).items():
            found["sides"][name] |= numbers
    return {"spec": spec, "steps": steps, "rounds": rounds} | found


def speeds(spec: str, rounds: int) -> dict[str, Any]:
    """Images/s of training and sampling with segments over those without."""
    works = {name: _work(spec, name) for name in VARIANTS}
    goals = []
    for kind in ("training", "sampling"):
        with_them, without = (works[name][kind] for name in VARIANTS)
        with_them(), without()
        take_turns([with_them, without], rounds)
        goals.append(command.goal(f"{kind}, images/s over those without", ratios(without, with_them)))
    sides = {
        f"segments: {name}": {f"{kind}_seconds": round(side.median, 4) for kind, side in work.items()}
        for name, work in works.items()
    }
    return {"goals": goals, "sides": sides}


def _work(spec: str, segments: str) -> dict[str, Side]:
    experiment = gudspec.load(spec, [f"design.segments={segments}"])
    prepared = open_data(experiment)
    data, source = statistics_of(prepared), prepared.source
    program = gudspec.compile(experiment, source.shape, source.classes)
    assert isinstance(program, Program)
    size = experiment.train.batch_size
    batch = {"pixels": np.asarray(source.train.pixels[:size])}
    state = [program.init(root(0))]
    draw = program.sampler(experiment.sample[0].sampler)
    key, at = jax.random.key(0), program.at()

    def train() -> Any:
        for _ in range(4):
            state[0], _ = program.train_step(state[0], batch, data)
        return state[0]

    def sample() -> Any:
        return draw(state[0].ema, data, key, at, {}, count=experiment.sample[0].count)

    return {"training": Side(train), "sampling": Side(sample)}


def likelihoods(spec: str, steps: int) -> dict[str, dict[str, float]]:
    """Bits/dim after training on equally many images: what the spec evaluates, which has to be one number."""
    found = {}
    for name in VARIANTS:
        overrides = [f"design.segments={name}", f"train.steps={steps}", "sample=[]"]
        with tempfile.TemporaryDirectory() as folder:
            gudspec.run(gudspec.load(spec, overrides), folder)
            (measured,) = read(Path(folder)).summary["evaluations"]
        found[f"segments: {name}"] = {
            "bits_per_dim": round(measured["value"], 3),
            "standard_error": round(measured["standard_error"], 3),
        }
    return found


if __name__ == "__main__":
    main()
