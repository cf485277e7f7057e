"""The programs of a run over many devices, laid out as the engine lays them out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh, AxisType, Mesh

from gudspec.engine.mesh import replicated, split, state_shardings
from gudspec.linter.deep.work import width
from gudspec.program.abstract import Call
from gudspec.spec.models import Experiment
from gudspec.spec.models.bases import spatial

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
    """A program with its shardings, and its arguments: the state by `fsdp`, images over all devices, the rest whole."""
    whole, images = replicated(mesh), split(mesh)
    state, *others = call.arguments
    if call.name == "init":  # which makes the state
        function, shardings = call.function, (whole,)
        results: Any = state_shardings(jax.eval_shape(function, state), mesh)
        return jax.jit(function, in_shardings=shardings, out_shardings=results), call.arguments
    laid = state_shardings(state, mesh)
    # batches and labels are split, everything else is everywhere: a sharding stands for a whole tree
    rest = [images if isinstance(tree, dict) and {"pixels", "labels"} & set(tree) else whole for tree in others]
    train = call.name.startswith("train")
    results = (laid, whole) if train else images if call.static else whole
    function, static = call.function, call.static
    jitted = jax.jit(
        lambda *arguments: function(*arguments, **static),
        in_shardings=(laid, *rest),
        out_shardings=results,
        donate_argnums=0 if train else (),
    )
    return jitted, call.arguments


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
    drawn = [entry.model_copy(update={"count": rounded(entry.count, devices)}) for entry in experiment.sample]
    return experiment.model_copy(update={"sample": tuple(drawn)})


def local(experiment: Experiment, devices: int) -> Experiment:
    """The spec that one of the devices works on: its share of every batch and of every sample.

    A device that has fewer images than a path may have segments counts as if it had one for each.
    """
    basis = spatial(experiment.design.basis)
    segments = 1 if experiment.design.segments == "off" else 1 + getattr(basis, "levels", 0)
    least = experiment.train.accumulate << (segments - 1).bit_length() if segments > 1 else 1

    def share(entry: Any, field: str) -> Any:
        return entry.model_copy(update={field: rounded(getattr(entry, field), devices) // devices})

    def batch(entry: Any) -> Any:
        own = share(entry, "batch_size")
        return own.model_copy(update={"batch_size": rounded(own.batch_size, least)})

    train = batch(experiment.train)
    train = train.model_copy(update={"phases": tuple(batch(phase) for phase in train.phases)})
    changes = {
        "train": train,
        "evaluate": tuple(share(entry, "batch_size") for entry in experiment.evaluate),
        "sample": tuple(share(entry, "count") for entry in experiment.sample),
    }
    return experiment.model_copy(update=changes)
