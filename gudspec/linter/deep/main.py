"""The deep lint of one spec."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import jax

from gudspec.errors import Refused
from gudspec.linter.deep import target as targets
from gudspec.linter.deep.descriptions import UnknownImages, Untraceable, WillNotFit
from gudspec.linter.deep.findings import Found, exhausted, fits, layout, undivided, untraceable
from gudspec.linter.deep.images import image_of
from gudspec.linter.deep.placement import abstract_mesh, bytes_per_device, even, local, mesh_of, mesh_shape, placed
from gudspec.linter.deep.report import EVALUATIONS, Cost, Costs
from gudspec.linter.deep.work import work
from gudspec.linter.rule import Finding
from gudspec.program.abstract import Call, programs, state
from gudspec.program.compiler import compile
from gudspec.spec.accelerators import ACCELERATORS, Accelerator, accelerator_of
from gudspec.spec.diagnostics import Diagnostic, in_order
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import AnyEvaluation, Sample, expand
from gudspec.spec.sources import counts
from gudspec.spec.tree import Path, find, place

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
    shape = mesh_shape(spec, count)
    found = list(layout(spec, count, shape))
    if shape is None or any(rule.severity == "error" for rule, _ in found):
        return Costs(document.source, _diagnostics(document, found))
    try:
        image, classes = image_of(spec.data.source)
    except ValueError as error:
        found.append((UnknownImages, Finding(str(error), ("data", "source", "path"))))
        return Costs(document.source, _diagnostics(document, found))
    try:
        whole, share = compile(even(spec, count), image, classes), compile(local(spec, count), image, classes)
        carried = state(whole)
    except Exception as error:  # whatever it is, a run would raise it too
        found.append((Untraceable, Finding(f"no program can be made of this spec: {error}", _named(document, error))))
        return Costs(document.source, _diagnostics(document, found))
    found += undivided(carried, shape)
    mesh = mesh_of(slice_, shape) if slice_ else abstract_mesh(shape)
    costs = []
    for call, part in zip(programs(whole, classes), programs(share, classes), strict=True):
        try:
            jitted, arguments = placed(call, mesh)
            traced = jitted.trace(*arguments)
            if call.name == "init":
                continue
            cost = _cost(call, part, mesh, spec)
            if slice_:
                say(f"compiling {call.name} for {target}")
                cost = cost._replace(compiled=targets.compiled(traced.lower()))
        except Exception as error:  # whatever a program raises on shapes, a run would raise too
            if exhausted(error):
                finding = Finding(f"`{call.name}` does not fit {target}: {_first(error)}", call.path)
                found.append((WillNotFit, finding))
            else:
                found.append(untraceable(call, error))
            continue
        costs.append((call, cost))
    if on:
        found += fits(costs, on, spec, count)
    return Costs(
        source=document.source,
        diagnostics=_diagnostics(document, found, certain=bool(slice_)),
        parameters=sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(carried.parameters)),
        devices=count,
        mesh=shape,
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
    flops, traffic = one.total(EVALUATIONS)
    held = bytes_per_device(call.arguments[0], (mesh.shape["data"], mesh.shape["fsdp"]))
    held += bytes_per_device(part.arguments[1:], (1, 1))
    calls, adaptive = _calls(call, spec)
    return Cost(call.name, call.images, flops * mesh.size, traffic, held, one.temporary, calls, adaptive)


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


def _diagnostics(document: Document, found: Iterable[Found], *, certain: bool = False) -> tuple[Diagnostic, ...]:
    """The findings at their places; what XLA itself says about memory is certain, an error."""

    def diagnostic(one: Found) -> Diagnostic:
        rule, finding = one
        severity = "error" if certain and rule is WillNotFit else rule.severity
        path = finding.path
        if find(document.tree, path) is None and len(path) > 1 and isinstance(path[-2], int):
            path = (*path[:-1], "name")  # an entry's default: its name is what can be shown of it
        return Diagnostic(rule.code, finding.message, place(document.tree, path), severity, notes=finding.notes)

    return tuple(in_order(document.source, map(diagnostic, found)))


def _named(document: Document, error: Exception) -> Path:
    """The field of the spec that an error names first."""
    paths = (tuple(name.split(".")) for name in re.findall(r"`([a-z_.]+)`", str(error)))
    return next((path for path in paths if find(document.tree, path)), ())


def _first(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
