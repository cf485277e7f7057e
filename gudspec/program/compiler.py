"""From an experiment to its program."""

from functools import partial

from flax import nnx

from gudspec.network.unet import Unet
from gudspec.program.design import Design, Shape
from gudspec.program.measures import masks
from gudspec.program.optimizer import optimizer
from gudspec.program.program import Program
from gudspec.spec.models import Experiment
from gudspec.spec.parameters import parameters
from gudspec.spec.sources import classes as known_classes
from gudspec.spec.sources import levels as known_levels
from gudspec.spec.sources import shape as known_shape

__all__ = ["compile"]


def compile(experiment: Experiment, shape: Shape | None = None, classes: int | None = None) -> Program:
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
    design = Design(experiment.design, shape)
    network = experiment.network
    for name, halvings in (("design.basis", design.layout.haar_levels), ("network", len(network.multipliers) - 1)):
        if shape[0] % 2**halvings or shape[1] % 2**halvings:
            raise ValueError(f"`{name}` halves the images {halvings} times, but they are {shape[0]}×{shape[1]}")
    if network.labels and classes == 0:
        raise ValueError("`network.labels` asks for class labels, but the images have none")
    tokens = design.partition(network.conditioning)
    masked = (design.partition(part.by) for part in masks(experiment.objective))
    if not all(tokens.refines(groups) for groups in (design.groups, *masked)):
        raise ValueError(f"γ is not constant on the tokens of `conditioning: {network.conditioning}`")
    known = classes if classes is not None else known_classes(source) or 0
    create = partial(
        _unet,
        shape=shape,
        tokens=tokens.count,
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


def _unet(rngs: nnx.Rngs, *, shape: Shape, tokens: int, **fields: object) -> Unet:
    return Unet(shape, tokens, rngs=rngs, **fields)  # type: ignore[arg-type]
