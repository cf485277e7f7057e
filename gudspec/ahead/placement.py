"""The programs of a run over many devices, laid out as the engine lays them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh

from gudspec.ahead.work import width
from gudspec.engine import programs
from gudspec.engine.mesh import state_shardings
from gudspec.program.abstract import Call
from gudspec.spec.models import Experiment
from gudspec.spec.models.bases import spatial
from gudspec.spec.models.results import Sample
from gudspec.spec.stage import learned_stage

__all__ = ["abstract_mesh", "bytes_per_device", "even", "local", "mesh_of", "mesh_shape", "placed", "rounded"]

_AXES = ("data", "fsdp")


def mesh_shape(experiment: Experiment, devices: int) -> tuple[int, int] | None:
    """(data, fsdp) of a spec's mesh over so many devices; None if they do not fill it."""
    spec = experiment.mesh
    data = devices // spec.fsdp if spec.data == -1 else spec.data
    return (data, spec.fsdp) if data and data * spec.fsdp == devices else None


def abstract_mesh(shape: tuple[int, int]) -> Any:
    """A mesh of devices that need not exist."""
    return AbstractMesh(shape, _AXES, axis_types=(AxisType.Auto, AxisType.Auto))


def mesh_of(devices: Sequence[Any], shape: tuple[int, int]) -> Mesh:
    """A mesh of the devices of a target, in its own order."""
    return Mesh(np.asarray(devices, dtype=object).reshape(shape), _AXES, axis_types=(AxisType.Auto, AxisType.Auto))


def placed(call: Call, mesh: Any) -> tuple[Any, tuple[Any, ...]]:
    """A program as a run jits it for a mesh, and its arguments."""
    section, (first, *others) = call.name.partition("/")[0], call.arguments
    if section == "init":
        made = jax.eval_shape(call.function, first)
        return programs.initial(call.function, state_shardings(made, mesh), mesh), call.arguments
    laid = state_shardings(first, mesh)
    if section == "train":
        return programs.training(call.function, laid, mesh), call.arguments
    if section == "evaluate":
        return programs.evaluation(call.function, laid, mesh), call.arguments
    function = partial(call.function, **call.static)
    return programs.sampling(function, laid, mesh, condition=others[-1]), call.arguments


def bytes_per_device(tree: Any, shape: tuple[int, int]) -> int:
    """Bytes of a state on each device."""
    mesh = abstract_mesh(shape)

    def size(leaf: jax.ShapeDtypeStruct, sharding: Any) -> int:
        part: tuple[int, ...] = sharding.shard_shape(leaf.shape)
        return math.prod(part) * width(leaf.dtype)

    return sum(jax.tree.leaves(jax.tree.map(size, tree, state_shardings(tree, mesh))))


def rounded(count: int, devices: int) -> int:
    """How many samples are drawn, so that all devices draw as many."""
    return -(-count // devices) * devices


def even(experiment: Experiment, devices: int) -> Experiment:
    """The spec as the devices run it: they draw as many samples each."""
    drawn = tuple(_together(entry, rounded(entry.together, devices)) for entry in experiment.sample)
    return experiment.model_copy(update={"sample": drawn})


def _together(entry: Sample, count: int) -> Sample:
    """An entry that draws so many samples at once, and no more."""
    return entry.model_copy(update={"count": count, "batch_size": count})


def local(experiment: Experiment, devices: int) -> Experiment:
    """The spec that one of the devices works on: its share of every batch and of every sample.

    A device that has fewer images than a path may have segments counts as if it had one for each.
    """
    basis = spatial(experiment.design.basis)
    dropped = 1 if learned_stage(experiment.design) else getattr(basis, "levels", 0)
    segments = 1 if experiment.design.segments == "off" else 1 + dropped
    least = experiment.train.accumulate << (segments - 1).bit_length() if segments > 1 else 1

    def share(entry: Any) -> Any:
        return entry.model_copy(update={"batch_size": rounded(entry.batch_size, devices) // devices})

    def batch(entry: Any) -> Any:
        own = share(entry)
        return own.model_copy(update={"batch_size": rounded(own.batch_size, least)})

    train = batch(experiment.train)
    train = train.model_copy(update={"phases": tuple(batch(phase) for phase in train.phases)})
    changes = {
        "train": train,
        "evaluate": tuple(map(share, experiment.evaluate)),
        "sample": tuple(_together(entry, rounded(entry.together, devices) // devices) for entry in experiment.sample),
    }
    return experiment.model_copy(update=changes)
