"""The loop runs ahead of the devices: it waits for them where a step compiles and where an interval ends."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from gudspec.engine import loop
from gudspec.engine.main import run
from gudspec.spec.load import loads

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: gaussian_field, size: 4, channels: 1, count: 64}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train:
  steps: 6
  batch_size: 4
  phases: [{steps: 5, batch_size: 8}]
  log_every: 4
  optimizer: {kind: adam, learning_rate: 1e-3, warmup: 2}
checkpoint: {every: 9}
"""


def test_nothing_is_waited_for_inside_an_interval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    take, wait = loop._Step.__call__, jax.block_until_ready
    steps: list[int] = []
    waited: set[int] = set()

    class Metric:
        """A metric that notes when it is read."""

        def __init__(self, value: jax.Array):
            self.value = value

        def copy_to_host_async(self) -> None:
            self.value.copy_to_host_async()

        def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
            waited.add(len(steps))
            return np.asarray(self.value, *arguments, **options)

    def step(this: Any, *given: Any) -> Any:
        steps.append(1)
        state, metrics = take(this, *given)
        return state, {name: Metric(value) for name, value in metrics.items()}

    def noted(tree: Any) -> Any:
        waited.add(len(steps))
        return wait(tree)

    monkeypatch.setattr(loop._Step, "__call__", step)
    monkeypatch.setattr(jax, "block_until_ready", noted)
    run(loads(TEXT), tmp_path)
    compiled, ends, saves = {1, 7}, {4, 8, 11}, {9, 11}
    assert len(steps) == 11
    assert waited == compiled | ends | saves
