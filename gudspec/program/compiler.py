"""From an experiment to its program."""

from functools import partial
from typing import Any, TypeAlias

from flax import nnx

from gudspec.network.dit import Dit
from gudspec.network.separate import Separate
from gudspec.network.unet import Unet
from gudspec.program.autoencoder import Autoencoder
from gudspec.program.design import Design, Shape
from gudspec.program.measures import masks
from gudspec.program.optimizer import optimizer
from gudspec.program.program import Program
from gudspec.program.segments import divided, halves
from gudspec.program.staged import Staged
from gudspec.spec.models import Experiment, transformers
from gudspec.spec.models import autoencoders as spec
from gudspec.spec.models.experiment import denoising
from gudspec.spec.models.measures import OnPath
from gudspec.spec.models.training import Backbone
from gudspec.spec.models.transformers import noise_maps
from gudspec.spec.parameters import parameters
from gudspec.spec.sources import classes as known_classes
from gudspec.spec.sources import levels as known_levels
from gudspec.spec.sources import shape as known_shape
from gudspec.spec.stage import learned_stage, unasked, unsuited

__all__ = ["AnyProgram", "compile"]

AnyProgram: TypeAlias = Program | Autoencoder
"""What a spec compiles to: a diffusion model, or an autoencoder."""


def compile(
    experiment: Experiment,
    shape: Shape | None = None,
    classes: int | None = None,
    autoencoder: Experiment | None = None,
) -> AnyProgram:
    """Compile a spec.

    Nothing is traced yet: each program of the result is jitted when it is first called.

    Args:
        experiment: the spec.
        shape: the image, (H, W, C), where the spec's source does not tell (archives and folders).
        classes: number of class labels, where the source does not tell.
        autoencoder: the spec of the autoencoder of a learned stage, which names but its workdir.

    Returns:
        The program.

    Raises:
        ValueError: neither the spec nor `shape` says how large an image is; the images cannot be halved or cut into
            patches, or have no labels, as the spec asks; γ is not constant on some token; or a learned stage does not
            suit the spec, or has no `autoencoder`.

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
    _check_halvings("design.basis", design.layout.haar_levels, shape)
    if network.labels and classes == 0:
        raise ValueError("`network.labels` asks for class labels, but the images have none")
    for entry in experiment.sample:
        if known and entry.labels and max(entry.labels) >= known:
            label, last = max(entry.labels), known - 1
            raise ValueError(f"`sample.{entry.name}` asks for label {label}, but the classes are 0 to {last}")
    stage = learned_stage(experiment.design)
    coder = None if stage is None else _coder(experiment, autoencoder, shape)
    coarser = design.segments[-1].halvings
    if coarser:
        _check_segments(experiment, design, coarser)
    _check_network(network, coarser if coder is None else _halvings(coder), shape)
    tokens = design.partition(network.conditioning)
    masked = (design.partition(part.by) for part in masks(denoising(experiment)))
    if not all(tokens.refines(groups) for groups in (design.groups, *masked)):
        raise ValueError(f"γ is not constant on the tokens of `conditioning: {network.conditioning}`")
    # one class more stands for a hidden label
    labels = known + (network.label_dropout > 0) if network.labels else 0
    facts: dict[str, Any] = {
        "experiment": experiment,
        "shape": shape,
        "classes": known,
        "levels": known_levels(source),
        "design": design,
        "tokens": tokens,
        "bounds": parameters(experiment),
        "optimizer": optimizer(experiment.train),
    }
    if coder is not None:
        create = partial(_halves, network=network, shape=shape, latents=coder.latent_shape, classes=labels)
        return Staged(**facts, create=create, autoencoder=coder)
    sizes: dict[str, Any] = {
        "tokens": tokens.count,
        "maps": noise_maps(network.conditioning),
        "classes": labels,
        "coarser": coarser,
    }
    return Program(**facts, create=partial(_network, network=network, shape=shape, **sizes))


def _coder(experiment: Experiment, autoencoder: Experiment | None, shape: Shape) -> Autoencoder:
    """The program of the autoencoder of a learned stage, whose other choices must suit it."""
    for message, path in (*unsuited(experiment), *unasked(experiment)):
        raise ValueError(f"`{'.'.join(map(str, path))}`: {message}")
    stage = learned_stage(experiment.design)
    assert stage is not None
    if autoencoder is None:
        raise ValueError(
            f"`design.segments.autoencoder`: {stage.autoencoder} has no spec of an autoencoder yet; run one, or pass it"
        )
    coder = compile(autoencoder, shape)
    if not isinstance(coder, Autoencoder):
        raise ValueError(f"`design.segments.autoencoder`: {autoencoder.name} is no autoencoder")
    for _, batch in experiment.train.batches:
        divided(halves(stage.turning), batch, experiment.train.accumulate)
    return coder


def _halvings(coder: Autoencoder) -> int:
    """How often an autoencoder halves the images."""
    return (coder.shape[0] // coder.latent_shape[0]).bit_length() - 1


def _check_halvings(name: str, halvings: int, shape: Shape) -> None:
    if shape[0] % 2**halvings or shape[1] % 2**halvings:
        raise ValueError(f"`{name}` halves the images {halvings} times, but they are {shape[0]}×{shape[1]}")


def _check_network(network: Backbone, coarser: int, shape: Shape) -> None:
    """The network's grids must be those of the images, and of what `design.segments` leaves of them."""
    if isinstance(network, transformers.Dit):
        height, width = (side >> coarser for side in shape[:2])
        if height % network.patch or width % network.patch:
            raise ValueError(f"`network.patch` of {network.patch} pixels does not tile images of {height}×{width}")
        return
    _check_halvings("network", len(network.multipliers) - 1, shape)
    if coarser >= len(network.multipliers):
        raise ValueError(f"`network.multipliers` needs more than {coarser} levels to serve {coarser} coarser grids")


def _check_segments(experiment: Experiment, design: Design, halvings: int) -> None:
    """Dropping levels needs levels to drop, and training on the path."""
    levels = design.layout.haar_levels
    if halvings > levels:
        raise ValueError(f"`design.segments` drops {halvings} levels of a haar basis that has {levels}")
    if not isinstance(denoising(experiment).measure, OnPath):
        raise ValueError("`design.segments` needs `objective.measure: {kind: path}`: other measures leave the path")
    for _, batch in experiment.train.batches:
        divided(design.segments, batch, experiment.train.accumulate)


def _network(
    rngs: nnx.Rngs, *, network: Backbone, shape: Shape, tokens: int, maps: int, classes: int, coarser: int
) -> Unet | Dit | Separate:
    """The network of a spec: one for the grid of the images and `coarser` coarser ones, or one for each."""
    make = Dit if isinstance(network, transformers.Dit) else Unet
    if network.grids == "shared" or not coarser:
        return make(shape, coarser=coarser, maps=maps, **_fields(network, tokens, classes, rngs))

    def own(halvings: int) -> Unet | Dit:
        grid = (shape[0] >> halvings, shape[1] >> halvings, shape[2])
        return _on(grid, halvings, network, tokens, classes, rngs)

    return Separate(own(halvings) for halvings in range(coarser + 1))


def _halves(rngs: nnx.Rngs, *, network: Backbone, shape: Shape, latents: Shape, classes: int) -> Separate:
    """The networks of a learned stage: one of images and what they have left to lose, and one of latents."""
    height, width, channels = shape
    halvings = (height // latents[0]).bit_length() - 1
    images = _on((height, width, 2 * channels), 0, network, 1, classes, rngs)
    return Separate([images, _on(latents, halvings, network, 1, classes, rngs)])


def _on(grid: Shape, halvings: int, network: Backbone, tokens: int, classes: int, rngs: nnx.Rngs) -> Unet | Dit:
    """A network of its own for a grid: the inner levels of that of the whole image."""
    fields = _fields(network, tokens, classes, rngs)
    if isinstance(network, transformers.Dit):
        return Dit(grid, **fields)
    return Unet(grid, **fields | {"multipliers": network.multipliers[halvings:]})


def _fields(network: Backbone, tokens: int, classes: int, rngs: nnx.Rngs) -> dict[str, Any]:
    fields = network.model_dump(exclude={"kind", "conditioning", "labels", "label_dropout", "grids"})
    return fields | {"tokens": tokens, "classes": classes, "rngs": rngs}
