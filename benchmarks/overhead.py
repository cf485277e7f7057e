"""What the engine's generality costs: its compiled train step against the same step written by hand, in one run.

    python -m benchmarks.overhead --size 8x8x1

The other step is timed with a network written by hand, too, and with gudspec's network: the latter differs in nothing
but the engine. All start from one state, and have to compute the same losses before they are timed. What XLA counts in
the compiled programs is compared as well: it does not vary. Prints JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, cast

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
    parser.add_argument("--rounds", type=int, default=101)
    parser.add_argument("--steps", type=int, default=2, help="steps per round")
    command.main(measure, parser)


def measure(size: str, rounds: int, steps: int) -> dict[str, Any]:
    """Images per second of all, and the ratios of their step times: medians over rounds that take turns."""
    steppings, batch = steppers(size)
    sides = {name: Side(lambda take=step.take: [take() for _ in range(steps)]) for name, step in steppings.items()}
    losses = {name: side() for name, side in sides.items()}
    for values in losses.values():
        check_equal(values, losses["gudspec"], 1e-4)
    take_turns(list(sides.values()), rounds)
    ours, theirs, around = sides.values()
    counts: list[Any] = [step.lower().compile().cost_analysis() for step in steppings.values()]
    operations, moved = (round(counts[0][count] / counts[2][count], 4) for count in ("flops", "bytes accessed"))
    return {
        "size": size,
        "goals": [
            command.goal("step time over that of the handwritten step", ratios(ours, theirs), at_most=1.02),
            command.goal("the same in processors' time", ratios_of_processors(ours, theirs), at_most=1.02),
            command.goal("step time over that by hand around our network", ratios(ours, around), at_most=1.02),
            command.goal("the same, in processors' time", ratios_of_processors(ours, around), at_most=1.02),
            command.goal("the same, in operations of the program", operations, at_most=1.02),
            command.goal("the same, in bytes that it moves", moved, at_most=1.02),
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


class Step(NamedTuple):
    """A compiled train step that goes on from where it ended."""

    take: Callable[[], jax.Array]
    """Takes a step, waits for nothing, and returns its loss."""
    lower: Callable[[], jax.stages.Lowered]
    """Its program."""


def steppers(size: str) -> tuple[dict[str, Step], int]:
    """The compiled step and those by hand, on the same batch, and its size."""
    program, source, data, pixels = ready(size)
    train, compiled = program.experiment.train, cast(Any, program.train_step)
    state, key = program.init(root(0)), root(0)
    graph = nnx.graphdef(program.create(nnx.Rngs(0)))

    def by_hand(network: Callable[..., jax.Array]) -> Step:
        step = handwritten.train_step(optimizer(train), source.levels, network, train.ema)
        copied = jax.tree.map(jnp.copy, state)
        their = [copied.parameters, copied.ema, copied.optimizer, jnp.int32(0)]

        def arguments() -> tuple[Any, ...]:
            *inner, index = their
            return *inner, key, index, pixels, data.mean, data.axes, data.variance

        def take() -> jax.Array:
            *their[:], loss, _ = step(*arguments())
            return loss

        return Step(take, lambda: step.lower(*arguments()))

    def ours() -> jax.Array:
        mine[0], metrics = compiled(mine[0], {"pixels": pixels}, data)
        return metrics["loss"]

    theirs = by_hand(partial(handwritten.unet, heads=program.experiment.network.heads))
    around = by_hand(lambda parameters, *given: nnx.merge(graph, parameters)(*given))
    mine = [state]
    return {
        "gudspec": Step(ours, lambda: compiled.lower(mine[0], {"pixels": pixels}, data)),
        "handwritten": theirs,
        "handwritten, around gudspec's network": around,
    }, len(pixels)


if __name__ == "__main__":
    main()
