"""The compiled train step against PyTorch's, diffusers' UNet2DModel of equal shape and parameter count, in one run.

    python -m venv .venv-torch && .venv-torch/bin/pip install -r benchmarks/requirements.txt
    python -m benchmarks.torch_unet --size 32x32x3 --rounds 7 --python .venv-torch/bin/python

PyTorch has an environment and a process of its own (`benchmarks/torch_side.py`), with as many threads. The design has
one noise level for all pixels, as has every UNet2DModel. It takes over the parameters of gudspec's network and has to
compute the same from them before both are timed. Both use AdamW, clipping and a moving average. Prints JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from flax import nnx

from benchmarks import command
from benchmarks.sizes import SIZES, Ready, moved, ready
from benchmarks.turns import Side, ratios, take_turns
from gudspec.program.keys import root

DESIGN = [
    "design={basis: {kind: pixel}, schedule: {kind: cosine}}",
    "objective={prediction: epsilon}",
    "network={kind: unet, channels: 32, multipliers: [1, 2, 2], blocks: 1, state: 32, mixer_layers: 0}",
    "train.optimizer={kind: adamw, learning_rate: 1.0e-4, warmup: 0, clip: 1.0}",
]
PYTHON = ".venv-torch/bin/python"
_NEEDED = "--python needs a Python with what benchmarks/requirements.txt names"
_SCRIPT = Path(__file__).with_name("torch_side.py")
_OTHER_NAMES = {
    "vector_in": "time_embedding.linear_1",
    "vector_out": "time_embedding.linear_2",
    "stem": "conv_in",
    "norm": "conv_norm_out",
    "head": "conv_out",
    "norm_in": "norm1",
    "conv_in": "conv1",
    "modulate": "time_emb_proj",
    "norm_out": "norm2",
    "conv_out": "conv2",
    "skip": "conv_shortcut",
}


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="32x32x3")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=3, help="steps per round")
    parser.add_argument("--python", default=PYTHON, help="a Python that has PyTorch and diffusers")
    command.main(measure, parser)


def measure(size: str, rounds: int, steps: int, python: str) -> dict[str, Any]:
    """Images per second of both, and their ratio: medians over rounds that take turns."""
    made = ready(size, DESIGN)
    program, state = made.program, [made.program.init(root(0))]
    parameters = moved(state[0].parameters, root(1))["network"]
    count = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    batch = len(made.pixels)

    def ours() -> jax.Array:
        for _ in range(steps):
            state[0], metrics = program.train_step(state[0], {"pixels": made.pixels}, made.data)
        return metrics["loss"]

    with tempfile.TemporaryDirectory() as folder, Torch(python, Path(folder), made, parameters, steps) as torch:
        assert abs(torch.parameters / count - 1) < 0.02, f"{torch.parameters} parameters, not {count}"
        sides = {"gudspec": Side(ours), "PyTorch": Side(torch.round)}
        for side in sides.values():
            side()
        take_turns(list(sides.values()), rounds)
        about = {"gudspec": {"parameters": count, "peak_memory_mib": command.peak_memory()}, "PyTorch": torch.end()}
    return {
        "size": size,
        "goals": [command.goal("training, images/s over PyTorch's", ratios(*reversed(sides.values())), at_least=0.6)],
        "sides": {
            name: {
                "train_images_per_second": side.per_second(batch * steps),
                "compile_seconds": side.compile_seconds,
                **about[name],
            }
            for name, side in sides.items()
        },
        "batch": batch,
        "threads": _threads(),
    }


class Torch:
    """PyTorch in a process of its own, which takes a round of steps when it is told to.

    Args:
        python: a Python that has PyTorch and diffusers.
        folder: an empty folder, for what goes from one to the other.
        made: the spec; its batch is the other's, too.
        parameters: of gudspec's network, which the other takes over.
        steps: per round.
    """

    def __init__(self, python: str, folder: Path, made: Ready, parameters: Any, steps: int):
        network: Any = made.program.create(nnx.Rngs(0))
        nnx.update(network, parameters)
        image, output, embedded = said(network, made)
        np.savez(folder / "given.npz", image=image, output=output, embedded=embedded, pixels=np.asarray(made.pixels))
        np.savez(folder / "parameters.npz", **named(parameters))
        device = "cuda" if jax.default_backend() == "gpu" else "cpu"
        order = [python, str(_SCRIPT), str(folder), device, str(_threads()), str(steps)]
        try:
            self._process = subprocess.Popen(order, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise SystemExit(f"{_NEEDED}: {error}") from None

    def __enter__(self) -> Torch:
        self.parameters: int = self._answer()["parameters"]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()

    def round(self) -> float:
        """Takes a round of steps; returns the last loss."""
        self._say("round")
        loss: float = self._answer()["loss"]
        return loss

    def end(self) -> dict[str, Any]:
        """What the other says of itself."""
        self._say("end")
        return self._answer()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{_NEEDED}, and it ended")
        found: dict[str, Any] = json.loads(line)
        return found


def said(network: Any, made: Ready) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Some images, what the network makes of them, and the embedded noising state that it used, [b, 32]."""
    image = jax.random.normal(root(2), (4, *made.source.shape))
    tokens = jax.random.normal(root(3), (4, 1, 2))
    embedded = network.embed_state(tokens).mean(axis=1)
    return np.asarray(image), np.asarray(network(image, tokens)), np.asarray(embedded)


def named(parameters: Any) -> dict[str, np.ndarray]:
    """The parameters of the U-Net under the names, and in the layouts, of PyTorch."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(parameters):
        place = [key.key for key in path]
        if place[0] == "embed_state":
            continue
        *module, kind = place
        array = np.asarray(leaf)
        if kind == "kernel":
            array = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array.T
        found[".".join([*_module(module), "bias" if kind == "bias" else "weight"])] = array
    return found


def _module(place: list[Any]) -> list[str]:
    """Where PyTorch has a module of gudspec's U-Net with one block per level."""
    match place:
        case ["down", index, "block", name]:
            return [f"down_blocks.{index}.resnets.0", _OTHER_NAMES[name]]
        case ["up", index, "block", name]:
            return [f"up_blocks.{index // 2}.resnets.{index % 2}", _OTHER_NAMES[name]]
        case ["middle", index, "block", name]:
            return [f"mid_block.resnets.{index}", _OTHER_NAMES[name]]
        case ["reduce", index]:
            return [f"down_blocks.{index}.downsamplers.0.conv"]
        case ["enlarge", index]:
            return [f"up_blocks.{index}.upsamplers.0.conv"]
        case [name]:
            return [_OTHER_NAMES[name]]
        case _:
            raise AssertionError(place)


def _threads() -> int:
    """Cores of this process: XLA has a thread on each."""
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
