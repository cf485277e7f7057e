"""How often a run compiles: each program once, whatever its parameters, its points and its entries are."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from jax import monitoring

from gudspec.engine.main import draw, evaluate, run
from gudspec.spec.load import loads

pytestmark = pytest.mark.slow

COMPILED = "/jax/core/compile/backend_compile_duration"
"""JAX's event at the end of every compilation, also of one that a cache on disk spares."""
OURS = ("init", "step", "evaluate", "sample")

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: gaussian_field, size: 4, channels: 1, count: 64}}
design:
  basis: {kind: fourier}
  schedule:
    kind: soft_linear
    ordering: {kind: mixture, r: {low: 0, high: 1, value: 0.5}}
    inverse_softness: {low: 0.5, high: 1.5, value: 1.0}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train:
  steps: 5
  batch_size: 8
  log_every: 2
  optimizer: {kind: adam, learning_rate: 1e-3, warmup: 2}
checkpoint: {every: 2}
"""
HEAT_MAP = """
evaluate:
  - name: map
    kind: likelihood
    images: 2
    batch_size: 2
    probes: 1
    rtol: 1e-1
    atol: 1e-1
    at: {design.schedule.inverse_softness: {linspace: [0.5, 1.5, 8]}, design.schedule.ordering.r: {linspace: [0, 1, 8]}}
"""


@pytest.fixture
def compilations() -> Iterator[Counter[str]]:
    """How often each of a run's programs was compiled."""
    counted: Counter[str] = Counter()

    def count(event: str, seconds: float, **about: str | int) -> None:
        name = str(about.get("fun_name", "")).removeprefix("jit(").removesuffix(")").removeprefix("jit_")
        if event == COMPILED and name in OURS:
            counted[name] += 1

    monitoring.register_event_duration_secs_listener(count)
    yield counted
    monitoring.unregister_event_duration_listener(count)


def test_training_compiles_once_per_batch_size(compilations: Counter[str], tmp_path: Path) -> None:
    """Five steps in intervals of two, the last of one; then other batches, and the first again."""
    phases = "train.phases=[{steps: 2, batch_size: 4}, {steps: 3, batch_size: 8}]"
    run(loads(TEXT), tmp_path / "one")
    assert compilations == {"init": 1, "step": 1}
    compilations.clear()
    run(loads(TEXT, [phases]), tmp_path / "phases")
    assert compilations == {"init": 1, "step": 2}
    lines = [json.loads(line) for line in (tmp_path / "phases" / "metrics.jsonl").read_text().splitlines()]
    for line in lines[:2]:  # steps 1 and 3 compiled, which takes far longer than steps do
        assert line["step_seconds"] < line["seconds"] / 4


def test_a_heat_map_compiles_once(compilations: Counter[str], tmp_path: Path) -> None:
    """64 likelihoods, over softness and ordering; and again of other images, at values that the spec does not have."""
    found = run(loads(TEXT + HEAT_MAP), tmp_path / "w").summary["evaluations"]
    assert len({result["value"] for result in found}) == 64
    assert compilations == {"init": 1, "step": 1, "evaluate": 1}
    compilations.clear()
    other = "{name: other, kind: likelihood, split: train, images: 3, batch_size: 2, probes: 1, rtol: 1e-1, atol: 1e-1}"
    more = f"evaluate=[{other}, {other.replace('other', 'at', 1)[:-1]}, at: {{design.schedule.ordering.r: 0.1}}}}]"
    assert len(evaluate(tmp_path / "w", [more]).summary["evaluations"]) == 2
    assert compilations == {"evaluate": 1}


def test_entries_of_equal_samplers_compile_once(compilations: Counter[str], tmp_path: Path) -> None:
    """Points, names and noise are arguments; another number of steps is another program."""
    sampler = "sampler: {kind: ddim, steps: 3}"
    at = "at: {design.schedule.inverse_softness: [0.6, 0.8, 1]}"
    equal = [f"{{name: {name}, count: 2, {sampler}, {more}}}" for name, more in (("a", at), ("b", "noise: 1"))]
    other = f"{{name: c, count: 2, {sampler.replace('3', '4')}}}"
    found = run(loads(TEXT + f"sample: [{', '.join([*equal, other])}]"), tmp_path / "w").summary["samples"]
    assert len(found) == 5
    assert compilations == {"init": 1, "step": 1, "sample": 2}
    compilations.clear()
    assert len(draw(tmp_path / "w", seed=1)) == 5
    assert compilations == {"sample": 2}
