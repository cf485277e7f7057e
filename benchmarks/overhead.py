"""What the engine's generality costs: its compiled train step against the same step written by hand, in one run.

    python -m benchmarks.overhead --size 8x8x1 --rounds 9

The other step is timed with a network written by hand, too, and with gudspec's network: the latter differs in nothing
but the engine. All start from one state, and have to compute the same losses before they are timed. Prints JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from benchmarks import command, handwritten
from benchmarks.sizes import SIZES, ready
from benchmarks.turns import Side, check_equal, ratios, ratios_of_processors, take_turns
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
    """Images per second of all, and the ratios of their step times: medians over rounds that take turns."""
    sides, batch = steppers(size, steps)
    losses = {name: side() for name, side in sides.items()}
    for values in losses.values():
        check_equal(values, losses["gudspec"], 1e-4)
    take_turns(list(sides.values()), rounds)
    ours, theirs, around = sides.values()
    return {
        "size": size,
        "goals": [
            command.goal("step time over that of the handwritten step", ratios(ours, theirs), at_most=1.02),
            command.goal("the same in processors' time", ratios_of_processors(ours, theirs), at_most=1.02),
            command.goal("step time over that by hand around our network", ratios(ours, around), at_most=1.02),
            command.goal("the same, in processors' time", ratios_of_processors(ours, around), at_most=1.02),
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


def steppers(size: str, steps: int) -> tuple[dict[str, Side], int]:
    """The compiled step and those by hand, on the same batch, and its size.

    A round takes `steps` steps, waits for none before the last, and returns their losses.
    """
    program, source, data, pixels = ready(size)
    train = program.experiment.train
    state = program.init(root(0))
    graph = nnx.graphdef(program.create(nnx.Rngs(0)))

    def by_hand(network: Callable[..., jax.Array]) -> Callable[[], list[jax.Array]]:
        step = handwritten.train_step(optimizer(train), source.levels, network, train.ema)
        copied = jax.tree.map(jnp.copy, state)
        their, key = [copied.parameters, copied.ema, copied.optimizer, jnp.int32(0)], root(0)

        def run() -> list[jax.Array]:
            losses = []
            for _ in range(steps):
                *inner, index = their
                *their[:], loss, _ = step(*inner, key, index, pixels, data.mean, data.axes, data.variance)
                losses.append(loss)
            return losses

        return run

    def ours() -> list[jax.Array]:
        losses = []
        for _ in range(steps):
            mine[0], metrics = program.train_step(mine[0], {"pixels": pixels}, data)
            losses.append(metrics["loss"])
        return losses

    theirs = by_hand(partial(handwritten.unet, heads=program.experiment.network.heads))
    around = by_hand(lambda parameters, *given: nnx.merge(graph, parameters)(*given))
    mine = [state]
    works = {"gudspec": ours, "handwritten": theirs, "handwritten, around gudspec's network": around}
    return {name: Side(work) for name, work in works.items()}, len(pixels)


if __name__ == "__main__":
    main()
