"""Runs of real processes on this machine, each with devices of its own."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design:
  basis: {kind: pca}
  schedule: {kind: soft_linear, inverse_softness: {low: 0.8, high: 1.2, value: 1.0}}
objective: {prediction: edm}
network: {kind: unet, channels: 8, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 50, batch_size: 32, ema: 0.9, log_every: 1, optimizer: {learning_rate: 1e-3}}
evaluate:
  - {name: nll, kind: likelihood, images: 20, batch_size: 16, rtol: 1e-2, atol: 1e-2}
sample:
  - {name: grid, count: 9, sampler: {kind: ddim, steps: 5}}
  - {name: flow, count: 8, sampler: {kind: ode, solver: tsit5, rtol: 1e-2, atol: 1e-2}}
checkpoint: {every: 10, keep: 3}
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return int(listener.getsockname()[1])


def start(
    arguments: Sequence[object], processes: int = 1, devices: int = 1, missing: Sequence[int] = ()
) -> list[subprocess.Popen[str]]:
    """Starts `gudspec` on so many processes with so many devices each; `missing` ones are left out."""
    port = free_port()
    environment = {
        **os.environ,
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONUNBUFFERED": "1",
    }
    return [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "gudspec", *map(str, arguments)),
                *(("--coordinator", f"localhost:{port}") if processes > 1 else ()),
                *(("--processes", str(processes), "--process", str(index)) if processes > 1 else ()),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for index in range(processes)
        if index not in missing
    ]


def finish(running: Sequence[subprocess.Popen[str]], timeout: float = 600) -> list[tuple[int, str, str]]:
    """Code, stdout and stderr of each."""
    try:
        with ThreadPoolExecutor(len(running)) as pool:  # one that talks much must not wait for the others to be read
            said = list(pool.map(lambda process: process.communicate(timeout=timeout), running))
    finally:
        for process in running:
            process.kill()
    return [(process.returncode, *out) for process, out in zip(running, said, strict=True)]


def gudspec(*arguments: object, processes: int = 1, devices: int = 1) -> list[tuple[int, str, str]]:
    return finish(start(arguments, processes, devices))


def succeed(*arguments: object, processes: int = 1, devices: int = 1) -> list[tuple[int, str, str]]:
    results = gudspec(*arguments, processes=processes, devices=devices)
    assert all(code == 0 for code, _, _ in results), results
    return results


def losses(workdir: Path) -> list[float]:
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


def summary(workdir: Path) -> dict:
    return json.loads((workdir / "summary.json").read_text())
