"""The paper's CIFAR-10 programs compile for TPU slices, ahead of time and on a CPU: `make test-tpu`.

Each program is compiled once per slice, as a run on it would compile it, and looked at from every side. What is
expected comes from the trace of one device's share.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax
import pytest
from jax.extend import core

from gudspec.ahead import target as targets
from gudspec.ahead import xla
from gudspec.ahead.placement import even, local, mesh_of, mesh_shape, placed
from gudspec.ahead.work import Work, work
from gudspec.program.abstract import programs, state
from gudspec.program.compiler import compile
from gudspec.spec.accelerators import ACCELERATORS
from gudspec.spec.load import load

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("libtpu") is None, reason="needs libtpu, which `make test-tpu` installs"),
]
SPEC = Path(__file__).parents[2] / "specs" / "gud" / "cifar10.yaml"
V5E = ACCELERATORS["v5e"]
SLICES = ("v5e:4x4", "v5e:16x16")
BATCH = {"v5e:4x4": 128, "v5e:16x16": 512}
"""Of training: the first phase of the paper's, and the second, which alone has an image for each of 256 chips."""


class Case(NamedTuple):
    name: str
    devices: int
    compiled: xla.Compiled
    share: Work
    """Of one device, as the trace has it."""
    once: Work
    """The same with every loop turning once, as XLA counts them."""
    parameters: int


@pytest.fixture(
    scope="module",
    params=[(slice_, name) for slice_ in SLICES for name in ("train", "sample/images", "evaluate/nll")],
    ids=lambda param: "-".join(param),
)
def case(request: pytest.FixtureRequest) -> Case:
    slice_, name = request.param
    devices = targets.topology(slice_)
    experiment = load(SPEC, [f"train.batch_size={BATCH[slice_]}", "train.phases=[]"])
    shape = mesh_shape(experiment, len(devices))
    assert shape is not None
    whole = compile(even(experiment, len(devices)))
    call = next(call for call in programs(whole) if call.name == name)
    part = next(call for call in programs(compile(local(experiment, len(devices)))) if call.name == name)
    jitted, arguments = placed(call, mesh_of(devices, shape))
    compiled = xla.compiled(jitted.trace(*arguments).lower())
    parameters = sum(leaf.size for leaf in jax.tree.leaves(state(whole).parameters))
    print(slice_, name, compiled)
    share = part.trace().jaxpr.jaxpr
    with pytest.MonkeyPatch.context() as patched:  # and so do the stages of a solver
        patched.setattr("gudspec.ahead.work._STAGES", 1)
        turned = work(once(share))
    return Case(name, len(devices), compiled, work(share), turned, parameters)


def once(jaxpr: Any) -> Any:
    """A program whose scans have length 1."""

    def inner(value: Any) -> Any:
        if isinstance(value, core.ClosedJaxpr):
            return value.replace(jaxpr=once(value.jaxpr))
        if isinstance(value, core.Jaxpr):
            return once(value)
        return tuple(map(inner, value)) if type(value) is tuple else value

    equations = []
    for equation in jaxpr.eqns:
        parameters = {name: inner(value) for name, value in equation.params.items()}
        if equation.primitive.name == "scan":
            parameters["length"] = 1
        equations.append(equation.replace(params=parameters))
    return jaxpr.replace(eqns=equations)


def test_it_fits_into_memory(case: Case) -> None:
    assert case.compiled.memory + 2**29 < V5E.memory  # with room for the program itself
    # the state is whole on every device: parameters, average and two moments, or the average alone
    copies = 4 if case.name == "train" else 1
    assert copies * 4 * case.parameters <= case.compiled.arguments < 1.1 * copies * 4 * case.parameters + 2**26


def test_the_work_is_that_of_the_trace(case: Case) -> None:
    flops, traffic = case.once.total(1)
    assert flops / 1.5 < case.compiled.flops < 1.5 * flops
    assert traffic / 4 < case.compiled.traffic < 4 * traffic


def test_the_estimate_of_memory_is_on_the_safe_side_and_not_far(case: Case) -> None:
    assert case.compiled.temporary / 1.5 < case.share.temporary + 4 * case.parameters
    assert case.share.temporary < 4 * case.compiled.temporary


def test_devices_tell_each_other_what_they_must_and_no_more(case: Case) -> None:
    found = case.compiled.collectives
    if case.name == "train":
        # one gradient reduction: every parameter's gradient crosses the network once, in a few combined operations;
        # those of a block's last bias and of its skip's are the same, and go together; those of the kernels that
        # enlarge images cross as 16 sums of 9 taps
        assert set(found) == {"all-reduce"}
        assert 0.99 * 4 * case.parameters <= found["all-reduce"].bytes < 1.04 * 4 * case.parameters
        assert found["all-reduce"].operations <= 16
    else:
        # what solvers agree on, and the results: nothing of the size of images or activations
        assert sum(kind.bytes for kind in found.values()) < 2**16
