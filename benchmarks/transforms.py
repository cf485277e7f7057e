"""What the transforms of a train step take of it: to components, to the network's image, back, and that one's gradient.

    python -m benchmarks.transforms --size 32x32x3

A step in which they were free would be as much shorter. Prints JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax

from benchmarks import command
from benchmarks.sizes import SIZES, Ready, ready
from benchmarks.turns import Side, ratios, take_turns
from gudspec.program.keys import root

BASES = {"pca": "kind: pca", "fourier": "kind: fourier", "haar": "kind: haar, levels: 2"}


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="32x32x3")
    parser.add_argument("--bases", nargs="+", choices=BASES, default=list(BASES))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=3, help="steps per round")
    command.main(measure, parser)


def measure(size: str, bases: Sequence[str], rounds: int, steps: int) -> dict[str, Any]:
    """The transforms' share of a step: medians over rounds that take turns."""
    goals, sides = [], {}
    for basis in bases:
        step, transforms = both(ready(size, [f"design.basis={{{BASES[basis]}}}"]), steps)
        step(), transforms()
        take_turns([step, transforms], rounds)
        goals.append(command.goal(f"{basis}: time of the transforms over that of the step", ratios(transforms, step)))
        sides[basis] = {
            "step_seconds": round(step.median / steps, 5),
            "transforms_seconds": round(transforms.median / steps, 5),
        }
    return {"size": size, "goals": goals, "sides": sides}


def both(made: Ready, steps: int) -> tuple[Side, Side]:
    """Rounds of train steps, and of what they transform."""
    program, batch, state = made.program, {"pixels": made.pixels}, [made.program.init(root(0))]

    def train() -> Any:
        for _ in range(steps):
            state[0], metrics = program.train_step(state[0], batch, made.data)
        return metrics

    @jax.jit
    def transformed(images: jax.Array, data: Any) -> jax.Array:
        basis = program.process(data).basis
        predicted = basis.forward(basis.inverse(basis.forward(images)))
        return basis.inverse(predicted)  # that of the gradient: U is orthogonal

    images = [jax.random.normal(root(1), made.pixels.shape)]

    def transform() -> jax.Array:
        for _ in range(steps):
            images[0] = transformed(images[0], made.data)
        return images[0]

    return Side(train), Side(transform)


if __name__ == "__main__":
    main()
