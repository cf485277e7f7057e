"""How much less loss and gradients vary from batch to batch when the times of a batch are spread evenly.

    python -m benchmarks.times --size 8x8x1

One network is trained; then batches, times and noise are drawn anew many times over with `time: uniform` and with
`time: low_discrepancy` (Variational Diffusion Models, arXiv:2107.00630, App. I.1), with the same parameters. Variances
are those between batches; a gradient's is E‖g − E g‖², all parameters together. Prints JSON.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import command
from benchmarks.rk45 import trained
from benchmarks.sizes import SIZES, Ready, ready
from gudspec.program.keys import root

TIMES = ("uniform", "low_discrepancy")
_PARTS = 8
"""The draws are taken in as many parts, whose ratios tell how certain their median is."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--steps", type=int, default=300, help="of the training before")
    parser.add_argument("--draws", type=int, default=400, help="batches whose loss and gradient are taken")
    command.main(measure, parser)


def measure(size: str, steps: int, draws: int) -> dict[str, Any]:
    """Variances of the loss and of its gradient with both, and their ratios."""
    sides = {time: ready(size, [f"objective.time={time}", f"train.steps={steps}"]) for time in TIMES}
    parameters = trained(sides["uniform"], steps)
    found = {time: variances(made, parameters, draws) for time, made in sides.items()}
    even, uniform = (found[time] for time in reversed(TIMES))
    names = ("loss", "gradient")
    ratios = {name: [a / b for a, b in zip(even[name], uniform[name], strict=True)] for name in names}
    return {
        "size": size,
        "goals": [
            command.goal(f"variance of the {name}, even times over independent ones", of) for name, of in ratios.items()
        ],
        "sides": {
            time: {f"variance_of_{name}": float(f"{np.mean(of[name]):.3g}") for name in names}
            for time, of in found.items()
        },
        "steps": steps,
        "draws": draws,
    }


def variances(made: Ready, parameters: Any, draws: int) -> dict[str, list[float]]:
    """Of the loss and of the gradient, in every part of the draws."""

    @jax.jit
    def drawn(pixels: jax.Array, key: jax.Array) -> tuple[jax.Array, Any]:
        return jax.value_and_grad(made.program.loss)(parameters, key, {"pixels": pixels}, made.data)

    found: dict[str, list[float]] = {"loss": [], "gradient": []}
    keys = jax.random.split(root(1), draws)
    for part in np.array_split(np.arange(draws), _PARTS):
        losses, gradients = [], []
        for pixels, key in zip(batches(made, len(part), int(part[0]) + 1), keys[part], strict=True):
            loss, gradient = drawn(pixels, key)
            losses.append(float(loss))
            gradients.append(np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(gradient)]))
        found["loss"].append(float(np.var(losses, ddof=1)))
        found["gradient"].append(float(np.var(gradients, axis=0, ddof=1).sum()))
    return found


def batches(made: Ready, count: int, seed: int) -> Iterator[jax.Array]:
    """So many batches of random training images; the same for the same seed."""
    generator, pixels = np.random.default_rng(seed), made.source.train.pixels
    for _ in range(count):
        yield jnp.asarray(pixels[generator.integers(len(pixels), size=len(made.pixels))])


if __name__ == "__main__":
    main()
