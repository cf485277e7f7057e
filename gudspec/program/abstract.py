"""Every program that a run of a spec executes, with abstract arguments: shapes and types, no data and no device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.program.compiler import AnyProgram, compile
from gudspec.program.design import Shape, Statistics
from gudspec.program.staged import Staged
from gudspec.program.train import TrainState
from gudspec.spec.models import Experiment
from gudspec.spec.models.bases import MatrixBasis, PcaBasis, spatial
from gudspec.spec.models.orderings import FileOrdering
from gudspec.spec.models.priors import FilePrior
from gudspec.spec.sources import classes as known_classes
from gudspec.spec.stage import autoencoder_of
from gudspec.spec.tree import Path

__all__ = ["Call", "batch", "programs", "state", "statistics", "trace"]

KEY = jax.eval_shape(lambda: jax.random.key(0))
"""A root key."""


class Call(NamedTuple):
    """One program of a run, as the runner calls it: `function(*arguments, **static)`."""

    name: str
    """`init`; `train`, `train/1`, … per batch size; `evaluate/NAME`; `sample/NAME`."""
    function: Any
    """The jitted function (`jax.stages.Wrapped`)."""
    arguments: tuple[Any, ...]
    """Trees of `jax.ShapeDtypeStruct`."""
    static: dict[str, Any]
    """Static arguments, by name."""
    path: Path
    """The field of the spec that says how many images it takes."""
    images: int
    """How many images it takes at once."""

    def trace(self) -> jax.stages.Traced:
        """The program, traced: no data, no compilation."""
        return self.function.trace(*self.arguments, **self.static)


def programs(
    program: AnyProgram, classes: int | None = None, masks: Mapping[str, np.ndarray] | None = None
) -> Iterator[Call]:
    """All programs of a run: the initial state, one train step per batch size, every evaluation, every sampler.

    The points of an entry's `at` share one program: its values are arguments.

    Args:
        program: the compiled spec.
        classes: number of class labels of the images; None takes what is known of the source.
        masks: contents of the files of masks, [H, W], by the name of the entry; one that is not known hides everything.
    """
    spec = program.experiment
    known, carried = statistics(program), state(program)
    at = jax.eval_shape(program.at)
    classes = known_classes(spec.data.source) if classes is None else classes
    labels = spec.network.labels or bool(classes)
    yield Call("init", program.init, (KEY,), {}, (), 0)
    seen: set[int] = set()
    for phase, (_, size) in enumerate(spec.train.batches):
        if size in seen:  # the same program
            continue
        seen.add(size)
        path: Path = ("train", "phases", phase - 1, "batch_size") if phase else ("train", "batch_size")
        name = f"train/{phase}" if phase else "train"
        yield Call(name, program.train_step, (carried, batch(program, size, labels), known), {}, path, size)
    for index, evaluation in enumerate(spec.evaluate):
        images = batch(program, evaluation.batch_size, labels)
        arguments = (carried.ema, known, images, KEY, at)
        path = ("evaluate", index, "batch_size")
        function = program.evaluation(evaluation)
        yield Call(f"evaluate/{evaluation.name}", function, arguments, {}, path, evaluation.batch_size)
    for index, entry in enumerate(spec.sample):
        given = batch(program, entry.together, spec.network.labels)
        condition = {name: given[name] for name in given if name == "labels" or hasattr(entry.task, "images")}
        mask = (masks or {}).get(entry.name, np.ones(program.shape[:2]))
        path, function = ("sample", index, "count"), program.drawing(entry, mask)
        static = {"count": entry.together}
        yield Call(
            f"sample/{entry.name}", function, (carried.ema, known, KEY, at, condition), static, path, entry.together
        )


def trace(experiment: Experiment, *, shape: Shape | None = None, classes: int | None = None) -> dict[str, Any]:
    """Traces every program of a spec.

    Args:
        experiment: the spec.
        shape: the image, (H, W, C), where the spec's source does not tell (archives).
        classes: number of class labels, where the source does not tell.

    Returns:
        Name → `jax.stages.Traced`.

    Raises:
        ValueError: neither the spec nor `shape` says how large an image is, or `compile` refuses the spec.

    Example:
        >>> import gudspec
        >>> sorted(trace(gudspec.load("specs/quickstart.yaml")))
        ['evaluate/nll', 'init', 'sample/digits', 'train']
    """
    program = compile(experiment, shape, classes, autoencoder_of(experiment.design))
    return {call.name: call.trace() for call in programs(program, classes)}


def state(program: AnyProgram) -> TrainState:
    """Shapes and types of the train state."""
    return jax.eval_shape(program.init, KEY)


def statistics(program: AnyProgram) -> Statistics:
    """Shapes and types of the data's statistics.

    A matrix basis is taken to be one of the pixels of a channel; its file may also mix the channels.
    """
    height, width, channels = program.shape
    spec, basis = program.design.spec, spatial(program.design.spec.basis)
    rows = height * width if isinstance(basis, PcaBasis | MatrixBasis) else 0
    if isinstance(basis, PcaBasis) and basis.colors == "mixed":
        rows *= channels
    given = isinstance(spec.prior, FilePrior)
    ordered = isinstance(getattr(spec.schedule, "ordering", None), FileOrdering)
    image, nothing = program.shape, (0,)
    frozen = (program.frozen_size,) if isinstance(program, Staged) else nothing
    files = (image if given else nothing, image if ordered else nothing)
    shapes = Statistics(image, (rows, rows), image, (2,), *files, frozen)
    return Statistics(*(jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes))


def batch(program: AnyProgram, size: int, labels: bool) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of a batch: `pixels` [size, H, W, C], and `labels` [size] if the images have them."""
    pixels = jnp.uint8 if program.levels is not None else jnp.float32
    found = {"pixels": jax.ShapeDtypeStruct((size, *program.shape), pixels)}
    return found | ({"labels": jax.ShapeDtypeStruct((size,), np.int32)} if labels else {})
