"""What the engine's generality costs: its compiled train step against the same step written by hand, in one run.

    python -m benchmarks.overhead --size 8x8x1 --rounds 9

Both start from one state, and have to compute the same losses before they are timed. Prints JSON.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import command, handwritten
from benchmarks.sizes import SIZES, ready
from benchmarks.turns import Side, ratio, ratio_of_processors, take_turns
from gudspec.program.keys import root
from gudspec.program.optimizer import optimizer


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5, help="steps per round")
    command.main(measure, parser)


def measure(size: str, rounds: int, steps: int) -> dict[str, Any]:
    """Images per second of both, and the ratio of their step times: medians over rounds that take turns."""
    ours, theirs, batch = steppers(size, steps)
    losses = {"gudspec": ours(), "handwritten": theirs()}
    np.testing.assert_allclose(*losses.values(), rtol=1e-4)
    take_turns([ours, theirs], rounds)
    sides = {"gudspec": ours, "handwritten": theirs}
    return {
        "size": size,
        "goals": [
            command.goal("step time over that of the handwritten step", ratio(ours, theirs), at_most=1.02),
            command.goal("the same in processors' time", ratio_of_processors(ours, theirs), at_most=1.02),
        ],
        "sides": {
            name: {
                "train_images_per_second": side.per_second(batch * steps),
                "step_seconds": round(side.median / steps, 5),
                "compile_seconds": side.compile_seconds,
            }
            for name, side in sides.items()
        },
        "batch": batch,
        "losses": {name: [float(loss) for loss in values] for name, values in losses.items()},
    }


def steppers(size: str, steps: int) -> tuple[Side, Side, int]:
    """The compiled step and that by hand, on the same batch, and its size.

    A round takes `steps` steps, waits for none before the last, and returns their losses.
    """
    program, source, data, pixels = ready(size)
    train, network = program.experiment.train, program.experiment.network
    state = program.init(root(0))
    copied = jax.tree.map(jnp.copy, state)
    mine = [state]

    def ours() -> list[jax.Array]:
        losses = []
        for _ in range(steps):
            mine[0], metrics = program.train_step(mine[0], {"pixels": pixels}, data)
            losses.append(metrics["loss"])
        return losses

    step = handwritten.train_step(optimizer(train), source.levels, network.heads, train.ema)
    their, key = [copied.parameters, copied.ema, copied.optimizer, jnp.int32(0)], root(0)

    def theirs() -> list[jax.Array]:
        losses = []
        for _ in range(steps):
            *inner, index = their
            *their[:], loss, _ = step(*inner, key, index, pixels, data.mean, data.axes, data.variance)
            losses.append(loss)
        return losses

    return Side(ours), Side(theirs), len(pixels)


if __name__ == "__main__":
    main()
