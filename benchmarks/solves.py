"""How long images wait for each other in a solve of many: the steps of each solved alone against those of all together.

    python -m benchmarks.solves --size 8x8x1

A batch is one system, whose steps are as short as its most difficult image needs them. Solved alone, each image takes
its own: if these differed much, it would pay to sort images into solves. What sorting could save at most is one minus
the mean of the evaluations of images alone over those of the batch. Prints JSON.
"""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from benchmarks import command
from benchmarks.rk45 import compiled, trained
from benchmarks.sizes import SIZES, ready
from gudspec.program.keys import root


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative and absolute")
    parser.add_argument("--train", type=int, default=300, help="steps of training before")
    command.main(measure, parser)


def measure(size: str, images: int, tolerance: float, train: int) -> dict[str, Any]:
    """Evaluations of the network, per image alone and of all together."""
    made = ready(size)
    solve = compiled(made, trained(made, train), tolerance)
    pixels = jnp.asarray(made.source.train.pixels[-images:])
    chi = made.program.process(made.data).to_components(made.program.images(pixels, root(5)))
    together = int(solve(chi, root(7), 1).evaluations)
    alone = [int(solve(one[None], root(7), 1).evaluations) for one in chi]
    order = np.argsort(alone)
    halves = [int(solve(chi[jnp.asarray(part)], root(7), 1).evaluations) for part in np.array_split(order, 2)]
    return {
        "size": size,
        "goals": [
            command.goal(
                "evaluations of an image alone over those of the batch", [count / together for count in alone]
            ),
            command.goal("evaluations in two solves, sorted, over one", round(math.fsum(halves) / 2 / together, 4)),
        ],
        "sides": {
            "all together": {"evaluations": together},
            "the easier half": {"evaluations": halves[0]},
            "the harder half": {"evaluations": halves[1]},
            "an image alone, fewest": {"evaluations": min(alone)},
            "an image alone, mean": {"evaluations": round(float(np.mean(alone)), 1)},
            "an image alone, most": {"evaluations": max(alone)},
        },
        "images": images,
        "tolerance": tolerance,
        "train_steps": train,
    }


if __name__ == "__main__":
    main()
