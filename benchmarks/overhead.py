"""What the engine's generality costs: its compiled train step against the same step written by hand, in one run.

    python -m benchmarks.overhead --size 8x8x1 --rounds 9

Both start from one state, and have to compute the same losses before they are timed. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import gudspec
from benchmarks import handwritten
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.keys import root
from gudspec.program.optimizer import optimizer

SIZES = {
    "8x8x1": ["data.source={kind: digits}"],
    "28x28x1": ["data.source={kind: textures, name: brick, size: 28}", "train.batch_size=32"],
    "32x32x3": ["data.source={kind: photos, size: 32, stride: 16}", "train.batch_size=32"],
}
SPEC = "specs/quickstart.yaml"
HEADS, DECAY = 2, 0.99


def main() -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5, help="steps per round")
    options = parser.parse_args()
    print(json.dumps(measure(options.size, options.rounds, options.steps), indent=2))


def measure(size: str, rounds: int, steps: int) -> dict[str, object]:
    """Seconds per step of both, and their ratio: medians over rounds that take turns."""
    ours, theirs = steppers(size)
    losses = [(ours(), theirs()) for _ in range(3)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=1e-4)
    taken: dict[str, list[float]] = {"compiled": [], "by_hand": []}
    for turn in range(rounds):
        pairs = [("compiled", ours), ("by_hand", theirs)]
        for name, step in pairs if turn % 2 else reversed(pairs):
            begin = time.perf_counter()
            for _ in range(steps - 1):
                step(wait=False)
            step()
            taken[name].append((time.perf_counter() - begin) / steps)
    ratios = [one / other for one, other in zip(taken["compiled"], taken["by_hand"], strict=True)]
    return {
        "size": size,
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "ratio": round(statistics.median(ratios), 4),
        **{f"{name}_seconds": round(statistics.median(values), 5) for name, values in taken.items()},
        "losses": losses,
    }


def steppers(size: str) -> tuple[Callable[..., float], Callable[..., float]]:
    """The compiled step and that by hand, on the same batch: each call takes one step and returns its loss."""
    experiment = gudspec.load(SPEC, SIZES[size])
    prepared = open_data(experiment)
    source, data = prepared.source, jax.device_put(statistics_of(prepared))
    program = gudspec.compile(experiment, source.shape, source.classes)
    pixels = jnp.asarray(source.train.pixels[: experiment.train.batch_size])
    state = program.init(root(0))
    copied = jax.tree.map(jnp.copy, state)
    mine = [state]

    def ours(wait: bool = True) -> float:
        mine[0], metrics = program.train_step(mine[0], {"pixels": pixels}, data)
        return float(metrics["loss"]) if wait else 0.0

    step = handwritten.train_step(optimizer(experiment.train), source.levels, HEADS, DECAY)
    theirs_state = [(copied.parameters, copied.ema, copied.optimizer), jnp.int32(0)]

    def theirs(wait: bool = True) -> float:
        (parameters, average, inner), index = theirs_state
        arguments = (root(0), index, pixels, data.mean, data.axes, data.variance)
        *after, index, loss, _ = step(parameters, average, inner, *arguments)
        theirs_state[:] = [tuple(after), index]
        return float(loss) if wait else 0.0

    return ours, theirs


if __name__ == "__main__":
    main()
