"""What is wrong with a spec on so many devices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import jax

from gudspec.ahead.placement import bytes_per_device, rounded
from gudspec.linter.deep.descriptions import (
    DevicesUnfilled,
    Overdrawn,
    Undivided,
    UnevenBatch,
    Untraceable,
    WillNotFit,
)
from gudspec.linter.deep.report import Cost
from gudspec.linter.rule import Description, Finding
from gudspec.program.abstract import Call
from gudspec.program.train import TrainState
from gudspec.spec.accelerators import Accelerator
from gudspec.spec.diagnostics import Diagnostic, in_order
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.tree import Path, find, place

__all__ = ["Found", "diagnostics", "failed", "fits", "layout", "undivided"]

Found: TypeAlias = tuple[type[Description], Finding]
"""A finding under its code."""


def layout(experiment: Experiment, devices: int, shape: tuple[int, int] | None) -> Iterator[Found]:
    """Whether the devices fill the mesh, and share every batch and every sample.

    Args:
        experiment: the spec.
        devices: how many devices.
        shape: (data, fsdp) of the mesh, or None if they do not fill it.
    """
    if shape is None:
        mesh = experiment.mesh
        wanted = f"multiples of {mesh.fsdp}" if mesh.data == -1 else f"{mesh.data} × {mesh.fsdp}"
        message = f"`mesh` asks for {wanted} devices (data × fsdp), but there are {devices}"
        yield DevicesUnfilled, Finding(message, ("mesh", "fsdp" if mesh.data == -1 else "data"))
        return
    parts = experiment.train.accumulate
    sizes: list[tuple[int, Path, int]] = [(experiment.train.batch_size, ("train", "batch_size"), parts)]
    sizes += [
        (p.batch_size, ("train", "phases", i, "batch_size"), parts) for i, p in enumerate(experiment.train.phases)
    ]
    sizes += [(e.batch_size, ("evaluate", i, "batch_size"), 1) for i, e in enumerate(experiment.evaluate)]
    for size, path, cut in sizes:
        if size % (devices * cut):
            over = f"{devices} devices" + (f" × {cut} parts (`train.accumulate`)" if cut > 1 else "")
            message = f"a batch of {size} images cannot be shared by {over}: take a multiple of {devices * cut}"
            yield UnevenBatch, Finding(message, path)
    for index, entry in enumerate(experiment.sample):
        drawn = rounded(entry.together, devices)
        if drawn > 2 * entry.together:
            message = f"{devices} devices draw {drawn} samples, of which {entry.together} are kept: ask for as many"
            field = "count" if entry.count <= entry.batch_size else "batch_size"
            yield Overdrawn, Finding(message, ("sample", index, field))


def undivided(carried: TrainState, shape: tuple[int, int]) -> Iterator[Found]:
    """Whether `fsdp` divides two thirds of the state."""
    if shape[1] == 1:
        return
    whole, share = bytes_per_device(carried, (1, 1)), bytes_per_device(carried, shape)
    kept = (share - whole / shape[1]) / (1 - 1 / shape[1])
    if kept > whole / 3:
        message = (
            f"`fsdp: {shape[1]}` leaves {kept / whole:.0%} of the state whole on every device, in arrays without an "
            f"axis that {shape[1]} divides: take `channels` or `width` of `network` that are multiples of it"
        )
        yield Undivided, Finding(message, ("mesh", "fsdp"))


def fits(costs: Iterable[tuple[Call, Cost]], on: Accelerator, experiment: Experiment, devices: int) -> Iterator[Found]:
    """Whether every program fits into the memory of a device."""
    for call, cost in costs:
        if cost.memory <= on.memory:
            continue
        advice = _advice(call, cost, on, experiment, devices)
        about = "needs" if cost.compiled else "is estimated to need"
        message = (
            f"`{cost.name}` {about} {cost.memory / 2**30:.1f} GiB per device, {on.name} has {on.memory / 2**30:.1f}: "
            f"{advice}"
        )
        yield WillNotFit, Finding(message, call.path)


def _advice(call: Call, cost: Cost, on: Accelerator, experiment: Experiment, devices: int) -> str:
    if cost.state > 0.8 * on.memory:
        return "the state alone fills it: shard it over more devices with `mesh.fsdp`, or take a smaller network"
    room = (on.memory - cost.state) / max(cost.temporary, 1)
    images = int(cost.images * room) // devices * devices
    field = call.path[-1]
    fewer = f"`{field}` of about {images} would fit" if images else f"not even `{field}: {devices}` would fit"
    if not call.name.startswith("train"):
        return fewer
    parts = next((n for n in (2, 4, 8, 16, 32, 64, 128) if n * room >= 1), 0)
    other = [f"`train.accumulate: {parts * experiment.train.accumulate}`"] if parts else []
    other += [] if experiment.network.remat else ["`network.remat: true`"]
    return f"{fewer}; or {' or '.join([*other, 'more devices'])}"


def failed(call: Call, error: Exception, target: str | None) -> Found:
    """A program that JAX, or XLA for a target, refuses."""
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        fits = f"does not fit {target}" if target else "does not fit"
        return WillNotFit, Finding(f"`{call.name}` {fits}: {lines[0][:300]}", call.path)
    message = f"`{call.name}` cannot be traced: {type(error).__name__}: {lines[0][:300]}"
    return Untraceable, Finding(message, call.path, notes=tuple(line[:200] for line in lines[1:4]))


def diagnostics(document: Document, found: Iterable[Found], *, certain: bool = False) -> tuple[Diagnostic, ...]:
    """The findings at their places; what XLA itself says about memory is certain, an error."""

    def diagnostic(one: Found) -> Diagnostic:
        rule, finding = one
        severity = "error" if certain and rule is WillNotFit else rule.severity
        path = finding.path
        if find(document.tree, path) is None and len(path) > 1 and isinstance(path[-2], int):
            path = (*path[:-1], "name")  # an entry's default: its name is what can be shown of it
        return Diagnostic(rule.code, finding.message, place(document.tree, path), severity, notes=finding.notes)

    return tuple(in_order(document.source, map(diagnostic, found)))
