"""The compiled train step against PyTorch's, diffusers' UNet2DModel of equal shape and parameter count, in one run.

    python -m venv .venv-torch && .venv-torch/bin/pip install -r benchmarks/requirements.txt
    python -m benchmarks.torch_unet --size 32x32x3 --rounds 7
    python -m benchmarks.torch_unet --size 32x32x3 --network paper --compute bfloat16 --batch 128     # on a GPU

PyTorch has an environment and a process of its own (`benchmarks/torch_side.py`), with as many threads. The design has
one noise level for all pixels, as has every UNet2DModel. It takes over the parameters of gudspec's network and has to
compute the same from them, in float32, before both are timed. Both use AdamW, clipping and a moving average. On a GPU,
memory is that of the device, and utilization the share of its rate for such numbers that the step's arithmetic takes.
Prints JSON.
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
from gudspec.ahead.work import work
from gudspec.program.keys import root
from gudspec.spec.accelerators import peak_flops

NETWORKS = {"small": (32, (1, 2, 2), 1), "paper": (128, (1, 2, 2, 2), 4)}
"""Channels, their multiples on every level, and blocks a level; one as in specs/score_sde/cifar10_vp.yaml."""
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
    parser.add_argument("--network", choices=NETWORKS, default="small")
    parser.add_argument("--batch", type=int, help="images a step; default: that of the size")
    parser.add_argument("--compute", choices=("float32", "bfloat16"), default="float32", help="numbers of the networks")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # PyTorch is on the same GPU
    command.main(measure, parser)


def measure(
    size: str, rounds: int, steps: int, python: str, network: str, batch: int | None, compute: str
) -> dict[str, Any]:
    """Images per second of both, and their ratio: medians over rounds that take turns."""
    changed = [f"train.compute={compute}", *([] if batch is None else [f"train.batch_size={batch}"])]
    made = ready(size, [*design(network), *changed])
    program, state = made.program, [made.program.init(root(0))]
    parameters = moved(state[0].parameters, root(1))["network"]
    count = sum(leaf.size for leaf in jax.tree.leaves(parameters))
    train_step: Any = program.train_step
    arithmetic = work(train_step.trace(state[0], {"pixels": made.pixels}, made.data).jaxpr).flops

    def ours() -> jax.Array:
        for _ in range(steps):
            state[0], metrics = program.train_step(state[0], {"pixels": made.pixels}, made.data)
        return metrics["loss"]

    asked = {"network": NETWORKS[network], "compute": compute, "threads": _threads(), "steps": steps}
    with tempfile.TemporaryDirectory() as folder, Torch(python, Path(folder), made, parameters, asked) as torch:
        assert abs(torch.parameters / count - 1) < 0.02, f"{torch.parameters} parameters, not {count}"
        sides = {"gudspec": Side(ours), "PyTorch": Side(torch.round)}
        for side in sides.values():
            side()
        take_turns(list(sides.values()), rounds)
        memory = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use", command.peak_memory() << 20) >> 20
        about = {"gudspec": {"parameters": count, "peak_memory_mib": memory}, "PyTorch": torch.end()}
    peak = peak_flops(jax.devices()[0].device_kind, compute)
    utilization = {name: round(arithmetic * steps / side.median / peak, 4) for name, side in sides.items() if peak}
    images, on_gpu = len(made.pixels), jax.default_backend() == "gpu"
    faster = ratios(*reversed(sides.values()))
    goals = [command.goal("training, images/s over PyTorch's", faster, at_least=1.5 if on_gpu else 0.6)]
    if on_gpu and peak:
        goals.append(command.goal("share of the device's peak", utilization["gudspec"], at_least=0.45))
    usual = network == "small" and batch is None and compute == "float32"
    return {
        "size": size if usual else f"{size}, {network} network, batch {images}, {compute}",
        "goals": goals,
        "sides": {
            name: {
                "train_images_per_second": side.per_second(images * steps),
                "compile_seconds": side.compile_seconds,
                **({"utilization": utilization[name]} if peak else {}),
                **about[name],
            }
            for name, side in sides.items()
        },
        "batch": images,
        "gflops": round(arithmetic / 1e9, 2),
        "threads": _threads(),
    }


def design(network: str) -> list[str]:
    """Overrides of the quickstart that PyTorch can follow."""
    channels, multipliers, blocks = NETWORKS[network]
    shape = f"channels: {channels}, multipliers: {list(multipliers)}, blocks: {blocks}, state: {channels}"
    return [
        "design={basis: {kind: pixel}, schedule: {kind: cosine}}",
        "objective={prediction: epsilon}",
        f"network={{kind: unet, {shape}, attention: 0, mixer_layers: 0}}",
        "train.optimizer={kind: adamw, learning_rate: 1.0e-4, warmup: 0, clip: 1.0}",
    ]


class Torch:
    """PyTorch in a process of its own, which takes a round of steps when it is told to.

    Args:
        python: a Python that has PyTorch and diffusers.
        folder: an empty folder, for what goes from one to the other.
        made: the spec; its batch is the other's, too.
        parameters: of gudspec's network, which the other takes over.
        asked: `network`, one of `NETWORKS`, its numbers `compute`, `threads`, and `steps` per round.
    """

    def __init__(self, python: str, folder: Path, made: Ready, parameters: Any, asked: dict[str, Any]):
        network: Any = made.program.create(nnx.Rngs(0))
        nnx.update(network, parameters)
        image, output, embedded = said(network, made)
        np.savez(folder / "given.npz", image=image, output=output, embedded=embedded, pixels=np.asarray(made.pixels))
        arrays: dict[str, Any] = named(parameters, blocks=asked["network"][2])
        np.savez(folder / "parameters.npz", **arrays)
        device = "cuda" if jax.default_backend() == "gpu" else "cpu"
        order = [python, str(_SCRIPT), str(folder), json.dumps(asked | {"device": device})]
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
    """Some images, what the network makes of them, and the embedded noising state that it used, [b, channels]."""
    image = jax.random.normal(root(2), (4, *made.source.shape))
    tokens = jax.random.normal(root(3), (4, 1, 2))
    with jax.default_matmul_precision("highest"):
        embedded = network.embed_state(tokens).mean(axis=1)
        return np.asarray(image), np.asarray(network(image, tokens)), np.asarray(embedded)


def named(parameters: Any, blocks: int) -> dict[str, np.ndarray]:
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
        found[".".join([*_module(module, blocks), "bias" if kind == "bias" else "weight"])] = array
    return found


def _module(place: list[Any], blocks: int) -> list[str]:
    """Where PyTorch has a module of gudspec's U-Net."""
    match place:
        case ["down", index, "block", name]:
            return [f"down_blocks.{index // blocks}.resnets.{index % blocks}", _OTHER_NAMES[name]]
        case ["up", index, "block", name]:
            return [f"up_blocks.{index // (blocks + 1)}.resnets.{index % (blocks + 1)}", _OTHER_NAMES[name]]
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
