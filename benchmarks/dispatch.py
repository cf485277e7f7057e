"""What it costs that every train step is dispatched by itself: single steps against several in one `lax.scan`.

    python -m benchmarks.dispatch --size 8x8x1

The steps, their batch and their losses are the same. Prints JSON.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import command
from benchmarks.sizes import SIZES, ready
from benchmarks.turns import Side, check_equal, ratios, ratios_of_processors, take_turns
from gudspec.program.keys import root
from gudspec.program.train import TrainState


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=10, help="steps per round")
    command.main(measure, parser)


def measure(size: str, rounds: int, steps: int) -> dict[str, Any]:
    """Images per second of both, and the ratio of their step times: medians over rounds that take turns."""
    made = ready(size)
    program, batch = made.program, {"pixels": made.pixels}
    states = {"single": program.init(root(0)), "scan": program.init(root(0))}

    def single() -> jax.Array:
        losses = []
        for _ in range(steps):
            states["single"], metrics = program.train_step(states["single"], batch, made.data)
            losses.append(metrics["loss"])
        return jnp.stack(losses)

    @partial(jax.jit, donate_argnums=0)
    def together(state: TrainState) -> tuple[TrainState, jax.Array]:
        def step(state: TrainState, _: None) -> tuple[TrainState, jax.Array]:
            state, metrics = program.train_step(state, batch, made.data)
            return state, metrics["loss"]

        return jax.lax.scan(step, state, length=steps)

    def scan() -> jax.Array:
        states["scan"], losses = together(states["scan"])
        return losses

    sides = {"one step a dispatch": Side(single), f"{steps} steps in a scan": Side(scan)}
    one, several = sides.values()
    check_equal(one(), several(), 1e-3)
    take_turns([one, several], rounds)
    return {
        "size": size,
        "goals": [
            command.goal(f"step time, {steps} steps in a scan over single steps", ratios(several, one)),
            command.goal("the same in processors' time", ratios_of_processors(several, one)),
        ],
        "sides": {
            name: {
                "train_images_per_second": side.per_second(len(made.pixels) * steps),
                "step_seconds": round(side.median / steps, 5),
                "compile_seconds": side.compile_seconds,
            }
            for name, side in sides.items()
        },
    }


if __name__ == "__main__":
    main()
