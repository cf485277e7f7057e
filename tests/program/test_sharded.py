"""Programs that are split over devices stay split: what crosses between devices is what has to."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 4)
from gudspec.ahead.placement import mesh_of, placed
from gudspec.ahead.xla import compiled
from gudspec.program.abstract import programs, state
from gudspec.program.compiler import compile
from gudspec.spec.load import loads

program = compile(loads('''
gudspec: 1
name: tiny
data: {source: {kind: gaussian_field, size: 8, channels: 1}}
design: DESIGN
network: {kind: unet, channels: 8, multipliers: [1, 1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {batch_size: 64}
evaluate: [{name: nll, kind: likelihood, batch_size: 64, probes: 3}]
sample: [{name: few, count: 64, sampler: {kind: ddim, steps: 3}}]
'''))
found = {"parameters": sum(leaf.size for leaf in jax.tree.leaves(state(program).parameters))}
for call in programs(program):
    if call.name != "init":
        jitted, arguments = placed(call, mesh_of(jax.devices(), (4, 1)))
        told = compiled(jitted.trace(*arguments).lower()).collectives
        found[call.name] = {name: of.bytes for name, of in told.items()}
print(json.dumps(found))
"""


WHOLE = "{basis: {kind: pixel}, schedule: {kind: linear, gamma: {min: -9, max: 9}}}"
DROPPING = (
    "{basis: {kind: haar, levels: 1}, schedule: {kind: dvdp, base: {kind: linear, gamma: {min: -9, max: 9}}}, "
    "segments: auto}"
)


@pytest.mark.slow
@pytest.mark.parametrize(("design", "segments"), [(WHOLE, 1), (DROPPING, 2)], ids=["whole", "segments"])
def test_only_gradients_and_results_cross_between_devices(design: str, segments: int) -> None:
    """A batch that is divided among segments is divided alike on every device.

    Each segment's gradient crosses by itself: XLA adds them before only on GPUs and TPUs (all-reduce reassociation).
    """
    text = PROGRAM.replace("DESIGN", design)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    # the convolution of an enlarged image has 8 channels, and a gradient by 16 sums of its kernel's 9 taps
    gradients = 4 * (found.pop("parameters") + (16 - 9) * 8 * 8)
    train = found.pop("train")
    assert set(train) == {"all-reduce"}
    assert 0.98 * gradients <= train["all-reduce"] <= segments * gradients + 1024
    for name, told in found.items():  # results, and the step that a solver agrees on
        assert sum(told.values()) < 1024, name
