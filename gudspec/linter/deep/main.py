"""The deep lint of one spec."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from gudspec.ahead import target as targets
from gudspec.ahead.placement import abstract_mesh, bytes_per_device, mesh_of, placed
from gudspec.ahead.work import STEPS, work
from gudspec.ahead.xla import compiled
from gudspec.errors import Refused
from gudspec.linter.deep.findings import diagnostics, failed, fits, undivided
from gudspec.linter.deep.opened import opened
from gudspec.linter.deep.report import Cost, Costs
from gudspec.program.abstract import Call, programs
from gudspec.spec.accelerators import ACCELERATORS, Accelerator, accelerator_of
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import AnyEvaluation, Sample, expand
from gudspec.spec.sources import counts

__all__ = ["deep"]


def deep(
    document: Document,
    *,
    devices: int | None = None,
    target: str | None = None,
    accelerator: str | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Costs:
    """Traces every program of a spec as so many devices would run it, without data and without any of them.

    Args:
        document: a spec without errors, as `gudspec.spec.load.read` returns it.
        devices: how many devices; None takes those of the target, or what `mesh` asks for.
        target: a TPU slice such as `v5e:4x4`, for which every program is compiled; needs libtpu.
        accelerator: key of `ACCELERATORS`, for times and the size of memory; None takes that of the target, if any.
        say: is told what is being compiled, which can take minutes.

    Returns:
        What was found, and what the programs cost; a program that cannot be traced is a finding.

    Raises:
        Refused: the accelerator or the target is not known, libtpu is missing, or `devices` are not the target's.
    """
    on = _accelerator(accelerator, target)
    slice_ = targets.topology(target) if target else []
    if slice_ and devices not in (None, len(slice_)):
        raise Refused(f"error: --target {target} has {len(slice_)} devices, not {devices}")
    spec = document.experiment
    count = len(slice_) or devices or max(spec.mesh.data, 1) * spec.mesh.fsdp
    ready, found = opened(document, count)
    if ready is None:
        return Costs(document.source, diagnostics(document, found))
    found += undivided(ready.state, ready.shape)
    mesh = mesh_of(slice_, ready.shape) if slice_ else abstract_mesh(ready.shape)
    costs = []
    for call, part in zip(programs(ready.program, ready.classes), programs(ready.share, ready.classes), strict=True):
        try:
            jitted, arguments = placed(call, mesh)
            traced = jitted.trace(*arguments)
            if call.name == "init":
                continue
            cost = _cost(call, part, mesh, spec)
            if slice_:
                say(f"compiling {call.name} for {target}")
                cost = cost._replace(compiled=compiled(traced.lower()))
        except Exception as error:  # whatever a program raises on shapes, a run would raise too
            found.append(failed(call, error, target))
            continue
        costs.append((call, cost))
    if on:
        found += fits(costs, on, spec, count)
    return Costs(
        source=document.source,
        diagnostics=diagnostics(document, found, certain=bool(slice_)),
        parameters=ready.parameters,
        devices=count,
        mesh=ready.shape,
        accelerator=on,
        target=target,
        programs=tuple(cost for _, cost in costs),
    )


def _accelerator(name: str | None, target: str | None) -> Accelerator | None:
    if name is None and target is not None:
        return ACCELERATORS.get(targets.kind(target))
    return accelerator_of(name) if name else None


def _cost(call: Call, part: Call, mesh: Any, spec: Experiment) -> Cost:
    """What a program costs, from the trace of what one device does.

    Args:
        call: the program over all devices.
        part: the same with the images of one device.
        mesh: the devices.
        spec: the experiment.
    """
    one = work(part.trace().jaxpr.jaxpr)
    flops, traffic = one.total(STEPS)
    held = bytes_per_device(call.arguments[0], (mesh.shape["data"], mesh.shape["fsdp"]))
    held += bytes_per_device(part.arguments[1:], (1, 1))
    calls, adaptive = _calls(call, spec)
    cost = Cost(call.name, call.images, flops * mesh.size, traffic, held, one.temporary, calls, adaptive)
    return cost._replace(compute=spec.train.compute) if call.path[0] == "train" else cost


def _calls(call: Call, spec: Experiment) -> tuple[int | None, bool]:
    """How often a run calls a program, and whether its length depends on the data."""
    section, _, name = call.name.partition("/")
    if section == "train":
        return sum(steps for steps, size in spec.train.batches if size == call.images), False
    if section == "sample":
        sample = next(entry for entry in spec.sample if entry.name == name)
        return _points(sample), getattr(sample.sampler, "solver", None) == "tsit5"
    entry = next(entry for entry in spec.evaluate if entry.name == name)
    known = [number for number in (entry.images, counts(spec.data.source).get(entry.split)) if number]
    calls = -(-min(known) // entry.batch_size) * _points(entry) if known else None
    return calls, entry.kind == "likelihood"


def _points(entry: AnyEvaluation | Sample) -> int:
    """Number of values of `at` at which an entry is measured."""
    lengths = [len(expand(values)) for values in entry.at.values()]
    return (lengths[0] if entry.zip else math.prod(lengths)) if lengths else 1
