"""Every program takes a transformer as it takes a U-Net: with labels, many tokens, on one grid or several."""

import jax
import pytest
from flax import nnx
from jax.sharding import AbstractMesh, AxisType

from gudspec.engine.mesh import state_shardings
from gudspec.network.dit import Dit
from gudspec.network.separate import Separate
from gudspec.program.abstract import state, trace
from gudspec.program.compiler import compile
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment

UNET = "kind: unet, channels: 4, multipliers: [1, 1], blocks: 1, heads: 1, state: 8, mixer_layers: 0"
DIT = "kind: dit, patch: 2, width: 8, depth: 2, heads: 2, state: 8, mixer_layers: 0"
DROPPING = "{basis: {kind: haar, levels: 1}, schedule: {kind: dvdp, turning: [0.5]}, segments: auto}"


def spec(network: str, design: str = "{}", more: str = "") -> Experiment:
    return loads(f"""\
gudspec: 1
name: networks
data: {{source: {{kind: digits}}}}
design: {design}
network: {{{network}}}
train: {{batch_size: 16}}
evaluate: [{{name: nll, kind: likelihood, probes: 1, batch_size: 8}}, {{name: bound, kind: bound, batch_size: 8}}]
sample: [{{name: few, count: 4, sampler: {{kind: dpm, steps: 3}}{more}}}]
""")


@pytest.mark.parametrize(
    ("design", "fields", "more"),
    [
        ("{basis: {kind: pca}, schedule: {kind: soft_linear}}", "conditioning: components", ""),
        ("{schedule: {kind: sequential}}", "conditioning: columns, dropout: 0.1", ""),
        ("{}", "labels: true, label_dropout: 0.1, remat: true", ", guidance: 2.0"),
        ("{}", "conditioning: pixels", ""),
        (DROPPING, "grids: shared", ""),
        (DROPPING, "grids: separate, remat: true", ""),
    ],
    ids=["components", "columns", "guided", "pixels", "shared grids", "separate grids"],
)
def test_every_program_can_be_traced(design: str, fields: str, more: str) -> None:
    traced = trace(spec(f"{DIT}, {fields}", design, more))
    assert set(traced) == {"init", "train", "evaluate/nll", "evaluate/bound", "sample/few"}
    assert traced["sample/few"].out_info["images"].shape == (4, 8, 8, 1)


@pytest.mark.parametrize(("network", "place"), [(UNET, 1), (DIT, 4)])
def test_pixels_as_tokens_are_a_channel_more(network: str, place: int) -> None:
    """Of what enters, not of what leaves; any other tokens are none."""
    for conditioning, maps in {"pixels": 1, "columns": 0, "components": 0}.items():
        program = compile(spec(f"{network}, conditioning: {conditioning}"))
        made = nnx.eval_shape(lambda create=program.create: create(nnx.Rngs(0)))
        ends = made.ends[0] if isinstance(made, Dit) else made
        assert ends.stem.kernel.shape[-2] == place * (1 + maps)
        assert ends.head.kernel.shape[-1] == place


def test_separate_grids_have_networks_of_their_own() -> None:
    """Each sees patches of the same side: a coarser grid has fewer of them."""
    program = compile(spec(f"{DIT}, grids: separate", DROPPING))
    made = nnx.eval_shape(lambda: program.create(nnx.Rngs(0)))
    assert isinstance(made, Separate)
    assert [type(network) for network in made.networks] == [Dit, Dit]
    shared = compile(spec(f"{DIT}, grids: shared", DROPPING))
    size, smaller = (
        sum(leaf.size for leaf in jax.tree.leaves(state(one).parameters["network"])) for one in (program, shared)
    )
    assert smaller < 0.7 * size


@pytest.mark.parametrize(
    ("network", "design", "message"),
    [
        (DIT.replace("patch: 2", "patch: 3"), "{}", "does not tile images of 8×8"),
        (DIT.replace("patch: 2", "patch: 8"), DROPPING, "does not tile images of 4×4"),
        (UNET.replace("[1, 1]", "[1]"), DROPPING, "needs more than 1 levels"),
    ],
)
def test_what_does_not_fit_is_refused(network: str, design: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile(spec(network, design))


def test_fsdp_divides_a_transformer() -> None:
    """Stacked blocks are split along their features, not along the depth."""
    carried = state(compile(spec("kind: dit, width: 64, depth: 3, heads: 4")))
    mesh = AbstractMesh((1, 8), ("data", "fsdp"), axis_types=(AxisType.Auto, AxisType.Auto))
    parameters = jax.tree.leaves(carried.parameters)
    shardings = jax.tree.leaves(state_shardings(carried.parameters, mesh))
    split = sum(leaf.size for leaf, place in zip(parameters, shardings, strict=True) if "fsdp" in place.spec)
    assert split > 0.98 * sum(leaf.size for leaf in parameters)
