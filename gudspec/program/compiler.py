"""From an experiment to its program."""

from functools import partial
from typing import Any, TypeAlias

from flax import nnx

from gudspec.network.unet import Unet, Unets
from gudspec.program.autoencoder import Autoencoder
from gudspec.program.design import Design, Shape
from gudspec.program.measures import masks
from gudspec.program.optimizer import optimizer
from gudspec.program.program import Program
from gudspec.program.segments import divided
from gudspec.spec.models import Experiment
from gudspec.spec.models import autoencoders as spec
from gudspec.spec.models.experiment import denoising, unet
from gudspec.spec.models.measures import OnPath
from gudspec.spec.parameters import parameters
from gudspec.spec.sources import classes as known_classes
from gudspec.spec.sources import levels as known_levels
from gudspec.spec.sources import shape as known_shape

__all__ = ["AnyProgram", "compile"]

AnyProgram: TypeAlias = Program | Autoencoder
"""What a spec compiles to: a diffusion model, or an autoencoder."""


def compile(experiment: Experiment, shape: Shape | None = None, classes: int | None = None) -> AnyProgram:
    """Compile a spec.

    Nothing is traced yet: each program of the result is jitted when it is first called.

    Args:
        experiment: the spec.
        shape: the image, (H, W, C), where the spec's source does not tell (archives and folders).
        classes: number of class labels, where the source does not tell.

    Returns:
        The program.

    Raises:
        ValueError: neither the spec nor `shape` says how large an image is; the images cannot be halved as often, or
            have no labels, as the spec asks; or γ is not constant on some token.

    Example:
        >>> import gudspec, jax
        >>> program = gudspec.compile(gudspec.load("specs/quickstart.yaml"))
        >>> state = jax.eval_shape(program.init, jax.random.key(0))
        >>> state.step.dtype
        dtype('int32')
    """
    source = experiment.data.source
    shape = shape or known_shape(source)
    if shape is None:
        raise ValueError(f"images of a {source.kind} source have no shape until they are opened: pass `shape`")
    network, known = experiment.network, classes if classes is not None else known_classes(source) or 0
    if isinstance(network, spec.Autoencoder) != isinstance(experiment.objective, spec.Elbo):
        raise ValueError("`objective: {kind: elbo}` and `network: {kind: autoencoder}` need each other")
    if isinstance(network, spec.Autoencoder):
        _check_halvings("network", len(network.multipliers) - 1, shape)
        return Autoencoder(experiment, shape, known_levels(source), known, optimizer(experiment.train))
    design = Design(experiment.design, shape)
    for name, halvings in (("design.basis", design.layout.haar_levels), ("network", len(network.multipliers) - 1)):
        _check_halvings(name, halvings, shape)
    if network.labels and classes == 0:
        raise ValueError("`network.labels` asks for class labels, but the images have none")
    coarser = design.segments[-1].halvings
    if coarser:
        _check_segments(experiment, design, coarser)
    tokens = design.partition(network.conditioning)
    masked = (design.partition(part.by) for part in masks(denoising(experiment)))
    if not all(tokens.refines(groups) for groups in (design.groups, *masked)):
        raise ValueError(f"γ is not constant on the tokens of `conditioning: {network.conditioning}`")
    create = partial(
        _unet,
        shape=shape,
        tokens=tokens.count,
        coarser=coarser,
        # one class more stands for a hidden label
        classes=known + (network.label_dropout > 0) if network.labels else 0,
        **network.model_dump(exclude={"kind", "conditioning", "labels", "label_dropout"}),
    )
    return Program(
        experiment=experiment,
        shape=shape,
        classes=known,
        levels=known_levels(source),
        design=design,
        tokens=tokens,
        bounds=parameters(experiment),
        create=create,
        optimizer=optimizer(experiment.train),
    )


def _check_halvings(name: str, halvings: int, shape: Shape) -> None:
    if shape[0] % 2**halvings or shape[1] % 2**halvings:
        raise ValueError(f"`{name}` halves the images {halvings} times, but they are {shape[0]}×{shape[1]}")


def _check_segments(experiment: Experiment, design: Design, halvings: int) -> None:
    """Dropping levels needs levels to drop, a network that has grids for what is left, and training on the path."""
    levels, network = design.layout.haar_levels, unet(experiment)
    if halvings > levels:
        raise ValueError(f"`design.segments` drops {halvings} levels of a haar basis that has {levels}")
    if halvings >= len(network.multipliers):
        raise ValueError(f"`network.multipliers` needs more than {halvings} levels to serve {halvings} coarser grids")
    if not isinstance(denoising(experiment).measure, OnPath):
        raise ValueError("`design.segments` needs `objective.measure: {kind: path}`: other measures leave the path")
    for _, batch in experiment.train.batches:
        divided(design.segments, batch, experiment.train.accumulate)


def _unet(
    rngs: nnx.Rngs, *, shape: Shape, tokens: int, coarser: int, grids: str, multipliers: tuple[int, ...], **fields: Any
) -> Unet | Unets:
    if grids == "shared" or not coarser:
        return Unet(shape, tokens, multipliers=multipliers, coarser=coarser, rngs=rngs, **fields)
    height, width, colors = shape
    return Unets(
        Unet((height >> n, width >> n, colors), tokens, multipliers=multipliers[n:], rngs=rngs, **fields)
        for n in range(coarser + 1)
    )
