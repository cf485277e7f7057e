"""Every convolution of the U-Net by itself, in XLA and in PyTorch: what `benchmarks/torch_unet.py` compares, in parts.

    python -m benchmarks.convolutions --size 28x28x1

The network's convolutions are found in its trace. Of each, its result, its gradient by the image and that by the kernel
are computed alone, the two libraries in turns; PyTorch's in the faster of its two layouts. Prints JSON.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax.extend.core import jaxprs_in_params

from benchmarks import command
from benchmarks.sizes import SIZES, ready
from benchmarks.torch_unet import PYTHON, design
from benchmarks.turns import Side
from gudspec.program.keys import root

_SCRIPT = Path(__file__).with_name("torch_convolutions.py")
_KINDS = ("result", "by_image", "by_kernel")
_CALLS = 3
"""Of one convolution in a round."""


@dataclass(frozen=True)
class Convolution:
    """A convolution of images [b, h, w, c] with a kernel [h, w, c, d]."""

    image: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: int
    padding: tuple[tuple[int, int], ...]

    def __call__(self, image: jax.Array, kernel: jax.Array) -> jax.Array:
        """The result in XLA."""
        layout = ("NHWC", "HWIO", "NHWC")
        strides = (self.stride, self.stride)
        return jax.lax.conv_general_dilated(image, kernel, strides, self.padding, dimension_numbers=layout)

    @property
    def result(self) -> tuple[int, ...]:
        """Its shape."""
        image, kernel = (jax.ShapeDtypeStruct(shape, jnp.float32) for shape in (self.image, self.kernel))
        return jax.eval_shape(self, image, kernel).shape

    @property
    def gflops(self) -> float:
        """Arithmetic of the result; both gradients have as much."""
        height, width, channels, _ = self.kernel
        return 2e-9 * height * width * channels * math.prod(self.result)


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="28x28x1")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--python", default=PYTHON, help="a Python that has PyTorch and diffusers")
    command.main(measure, parser)


def measure(size: str, rounds: int, python: str) -> dict[str, Any]:
    """Seconds of all convolutions of a train step, in both."""
    made = ready(size, design("small"))
    network = made.program.create(nnx.Rngs(0))
    traced = jax.make_jaxpr(network)(jnp.zeros(made.pixels.shape), jnp.zeros((len(made.pixels), 1, 2)))
    found = Counter(convolutions(traced.jaxpr))
    seconds = {side: dict.fromkeys(_KINDS, 0.0) for side in ("XLA", "PyTorch")}
    with subprocess.Popen([python, str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as torch:
        for one, times in found.items():
            for kind in _KINDS:
                for side, taken in pair(one, kind, torch, rounds).items():
                    seconds[side][kind] += times * taken
        assert torch.stdin is not None
        torch.stdin.close()
    gflops = sum(times * one.gflops for one, times in found.items())
    total = {side: sum(parts.values()) for side, parts in seconds.items()}
    return {
        "size": size,
        "goals": [command.goal("PyTorch's time over XLA's", round(total["PyTorch"] / total["XLA"], 4))],
        "sides": {
            side: {
                **{f"{kind}_seconds": round(parts[kind], 4) for kind in _KINDS},
                "all_seconds": round(total[side], 4),
                "GFLOP/s": round(len(_KINDS) * gflops / total[side], 1),
            }
            for side, parts in seconds.items()
        },
        "batch": len(made.pixels),
        "convolutions": sum(found.values()),
        "gflops": round(len(_KINDS) * gflops, 2),
    }


def convolutions(jaxpr: Any) -> Iterator[Convolution]:
    """Those of a trace, with the traces that it calls."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            image, kernel = (tuple(variable.aval.shape) for variable in equation.invars)
            (stride, _), padding = equation.params["window_strides"], equation.params["padding"]
            yield Convolution(image, kernel, stride, tuple(padding))
        for inner in jaxprs_in_params(equation.params):
            yield from convolutions(inner)


def pair(one: Convolution, kind: str, torch: Any, rounds: int) -> dict[str, float]:
    """Median seconds of one of its parts in both, which take turns."""
    mine = Side(in_xla(one, kind))
    mine()
    theirs = []
    for _ in range(rounds):
        mine()
        print(json.dumps([*astuple(one), kind, _CALLS]), file=torch.stdin, flush=True)
        theirs.append(json.loads(torch.stdout.readline()))
    return {"XLA": mine.median / _CALLS, "PyTorch": min(map(statistics.median, zip(*theirs, strict=True)))}


def in_xla(one: Convolution, kind: str) -> Callable[[], Any]:
    """Some calls of a part in XLA."""
    image, kernel, result = (
        jax.random.normal(root(index), shape) for index, shape in enumerate((one.image, one.kernel, one.result))
    )
    if kind == "result":
        run = jax.jit(one)
        return lambda: [run(image, kernel) for _ in range(_CALLS)]
    by = 0 if kind == "by_image" else 1

    @jax.jit
    def gradient(image: jax.Array, kernel: jax.Array, result: jax.Array) -> jax.Array:
        return jax.vjp(one, image, kernel)[1](result)[by]

    return lambda: [gradient(image, kernel, result) for _ in range(_CALLS)]


if __name__ == "__main__":
    main()
