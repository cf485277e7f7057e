"""One point of `benchmarks/scaling.py`: a train step over virtual devices, beside what the machine can do at most.

    python -m benchmarks.scaling_point --size 16 --batch 64 --patch 4 --devices 2

A process of its own, since devices and peak memory belong to a process. Matrix products and passes over memory take
turns with the train step. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import gudspec
from benchmarks.command import peak_memory
from benchmarks.sizes import SPEC
from benchmarks.turns import Side, take_turns
from gudspec.ahead.placement import placed
from gudspec.ahead.xla import collectives
from gudspec.engine.mesh import device_mesh, place_rows, place_whole, state_shardings
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.engine.programs import initial
from gudspec.program.abstract import programs
from gudspec.program.keys import root

_SIDES = {"cpu": 2048, "gpu": 16384, "tpu": 16384}
"""Of the matrices whose product is timed: it has to take far longer than its dispatch."""
_NUMBERS = {"cpu": 1 << 24, "gpu": 1 << 29, "tpu": 1 << 29}
"""How many a pass over memory reads, and writes."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=int, default=16, help="side of the images, with three channels")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--patch", type=int, default=4, help="side of the patches that share a noise level")
    parser.add_argument("--devices", type=int, default=1, help="more than one: so many virtual CPU devices")
    parser.add_argument("--rounds", type=int, default=5)
    options = vars(parser.parse_args())
    if options["devices"] > 1:
        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_num_cpu_devices", options["devices"])
    print(json.dumps(measure(**options)))


def measure(size: int, batch: int, patch: int, devices: int, rounds: int) -> dict[str, Any]:
    """Seconds and work of a train step, and the rates of the machine."""
    overrides = [
        f"data.source={{kind: gaussian_field, size: {size}, channels: 3, count: 512}}",
        f"design={{basis: {{kind: pixel}}, schedule: {{kind: sequential, ordering: {{kind: patch, size: {patch}}}}}}}",
        f"train.batch_size={batch}",
        "evaluate=[]",
        "sample=[]",
    ]
    prepared = open_data(gudspec.load(SPEC, overrides))
    program = gudspec.compile(prepared.experiment, prepared.source.shape, prepared.source.classes)
    mesh = device_mesh(prepared.experiment)
    (call,) = (call for call in programs(program) if call.name == "train")
    jitted, arguments = placed(call, mesh)
    lowered = jitted.lower(*arguments)
    begin = time.perf_counter()
    executable = lowered.compile()
    seconds = time.perf_counter() - begin
    statistics = place_whole(statistics_of(prepared), mesh)
    images = place_rows({"pixels": np.asarray(prepared.source.train.pixels[:batch])}, batch, mesh)
    state = [initial(program.init, state_shardings(arguments[0], mesh), mesh)(root(0))]

    def step() -> jax.Array:
        state[0], metrics = executable(state[0], images, statistics)
        return metrics["loss"]

    edge, numbers = (numbers[jax.default_backend()] for numbers in (_SIDES, _NUMBERS))
    sides = {"step": Side(step), "product": Side(_product(edge)), "memory": Side(_memory(numbers))}
    for side in sides.values():
        side()
    take_turns(list(sides.values()), rounds)
    cost, memory = executable.cost_analysis(), executable.memory_analysis()
    flops, traffic = devices * float(cost["flops"]), devices * float(cost["bytes accessed"])
    product = 2 * edge**3 / sides["product"].median
    bandwidth = 2 * 4 * numbers / sides["memory"].median
    rate, intensity = flops / sides["step"].median, flops / traffic
    return {
        "size": size,
        "batch": batch,
        "groups": program.design.groups.count,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(state[0].parameters)),
        "devices": devices,
        "train_images_per_second": sides["step"].per_second(batch),
        "step_seconds": round(sides["step"].median, 5),
        "compile_seconds": round(seconds, 2),
        "gflops": round(flops / 1e9, 4),
        "mib_traffic": round(traffic / 2**20, 1),
        "intensity": round(intensity, 2),
        "gflops_per_second": round(rate / 1e9, 2),
        "product_gflops_per_second": round(product / 1e9, 1),
        "memory_gb_per_second": round(bandwidth / 1e9, 2),
        "planned_mib_per_device": round((memory.argument_size_in_bytes + memory.temp_size_in_bytes) / 2**20, 1),
        "peak_memory_mib": peak_memory(),
        "collectives": {name: found._asdict() for name, found in collectives(executable.as_text()).items()},
    }


def _product(edge: int) -> Callable[[], jax.Array]:
    """A matrix product in single precision."""
    matrix = jax.random.normal(root(0), (edge, edge))
    multiply = jax.jit(jnp.matmul)
    return lambda: multiply(matrix, matrix)


def _memory(numbers: int) -> Callable[[], jax.Array]:
    """A pass over an array that no cache holds, changed in its place: new memory would cost more than the pass."""
    array, add = [jnp.zeros(numbers)], jax.jit(lambda array: array + 1, donate_argnums=0)

    def run() -> jax.Array:
        array[0] = add(array[0])
        return array[0]

    return run


if __name__ == "__main__":
    main()
