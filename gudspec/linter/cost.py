"""Rules about what a spec costs: memory, time, and devices that would stand idle."""

import math
from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.bases import PcaBasis, spatial
from gudspec.spec.models.experiment import backbone
from gudspec.spec.models.results import AnyEvaluation, Likelihood, Sample, expand
from gudspec.spec.models.training import Unet
from gudspec.spec.models.transformers import Dit
from gudspec.spec.sources import counts, shape
from gudspec.spec.tree import Path, find

__all__ = ["RULES"]

_LARGEST = 64 * 64
"""The largest covariance that is diagonalized."""
_COMPARISONS = 1.0
"""GiB that comparisons of patches may take for one image in one block."""
_ADAPTIVE = 120
"""Evaluations of an adaptive solve at the usual tolerances: 20 steps of 6."""
_TRACES = 60
"""Evaluations of the divergence along it: 3 in each step."""
_UNIT_VECTORS = 1024
"""Unit vectors of an exact trace that somebody may wait for: a solve is then a hundred thousand passes an image."""
_CHEAP = 1_000_000
"""Passes of a network that nobody waits for: a trial run is no mistake."""
_OFTEN = 0.01
"""Largest share of steps that end in a checkpoint."""


def _points(entry: AnyEvaluation | Sample) -> int:
    """Number of values of `at` at which an entry is measured."""
    lengths = [len(expand(values)) for values in entry.at.values()]
    return (lengths[0] if entry.zip else math.prod(lengths)) if lengths else 1


class PcaSize(Rule):
    """The PCA basis needs the eigenvectors of a pixels × pixels matrix.

    Memory grows with the fourth power of the image's side and time with the sixth, so matrices of more than 4,096
    rows are refused: images of 64×64, or of 36×36 if `colors: mixed` counts every colour. The Fourier basis nearly
    diagonalizes the covariance of photographs and costs nothing.
    """

    code = "GUD301"
    summary = "PCA of images that are too large"
    bad = "{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: pca}}}"
    good = "{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: fourier}}}"
    source = "GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        image, basis = shape(document.experiment.data.source), spatial(document.experiment.design.basis)
        if isinstance(basis, PcaBasis) and image:
            mixed = basis.colors == "mixed"
            size = image[0] * image[1] * (image[2] if mixed else 1)
            if size > _LARGEST:
                message = (
                    f"PCA of {image[0]}×{image[1]} images needs the eigenvectors of a {size:,} × {size:,} matrix; at "
                    f"most {_LARGEST:,} {'numbers' if mixed else 'pixels'} are possible, and the fourier basis has no "
                    "such limit"
                )
                yield Finding(message, ("design", "basis", "kind"))


class CheckpointOften(Rule):
    """A checkpoint writes the parameters, their average and both moments of Adam: four copies of the network.

    Written every few steps, they cost more than the training in between.
    """

    code = "GUD303"
    severity = "warning"
    summary = "a checkpoint every few steps"
    bad = "checkpoint: {every: 1}"
    good = "checkpoint: {every: 1000}"

    def check(self, document: Document) -> Iterator[Finding]:
        every, steps = document.experiment.checkpoint.every, document.experiment.train.total_steps
        if every < 10 and every < _OFTEN * steps:
            message = f"a checkpoint every {every} of {steps:,} steps costs more than the steps: save every 100 or more"
            yield Finding(message, ("checkpoint", "every"))


class ExactTrace(Rule):
    """`divergence: exact` pushes one unit vector a dimension through the network, one after the other.

    It does so at three times in every step of the solve, about 60 in all. Hutchinson's estimator needs a few probes,
    has no bias, and its error shrinks with the number of images.
    """

    code = "GUD304"
    severity = "warning"
    summary = "an exact trace of many dimensions"
    bad = "{data: {source: {kind: photos}}, evaluate: [{name: nll, kind: likelihood, divergence: exact}]}"
    good = "{data: {source: {kind: photos}}, evaluate: [{name: nll, kind: likelihood, probes: 1}]}"
    source = "GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        if image := shape(document.experiment.data.source):
            dimensions = math.prod(image)
            for index, entry in enumerate(document.experiment.evaluate):
                if isinstance(entry, Likelihood) and entry.divergence == "exact" and dimensions > _UNIT_VECTORS:
                    message = (
                        f"the exact trace of {dimensions:,} dimensions takes about {_TRACES * dimensions:,} passes "
                        f"of the network for each image, `hutchinson` {_TRACES * entry.probes:,}: its error averages "
                        "out"
                    )
                    yield Finding(message, ("evaluate", index, "divergence"))


class MoreThanTraining(Rule):
    """An evaluation is counted in passes of the network: images × points of `at` × passes for each.

    One step of training is three passes of its batch, forward and twice backward. A solve of the probability-flow ODE
    takes about 120 passes, a likelihood another 60 and as many for each probe, a bound as many as it has times, a
    sampler its steps.
    """

    code = "GUD305"
    severity = "warning"
    summary = "an evaluation that costs more than the training"
    bad = "{train: {steps: 1000}, sample: [{name: grid, count: 50000, sampler: {kind: ddim, steps: 50}}]}"
    good = "{train: {steps: 1000}, sample: [{name: grid, count: 64, sampler: {kind: ddim, steps: 50}}]}"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        training = 3 * sum(steps * size for steps, size in experiment.train.batches)
        for section in ("evaluate", "sample"):
            for index, entry in enumerate(getattr(experiment, section)):
                images, passes = _work(entry, experiment)
                total = images * passes * _points(entry)
                if total > max(training, _CHEAP):
                    at = f" × {_points(entry)} points" if entry.at else ""
                    message = (
                        f"`{entry.name}` takes about {_short(total)} passes of the network ({_short(images)} images × "
                        f"{_short(passes)}{at}), the training {_short(training)}"
                    )
                    field = "count" if section == "sample" else "images"
                    written = find(document.tree, (section, index, field)) is not None
                    yield Finding(message, (section, index, field if written else "name"))


def _work(entry: AnyEvaluation | Sample, experiment: Experiment) -> tuple[int, int]:
    """Images, and passes of the network for each; no images where their number is not known."""
    if isinstance(entry, Sample):
        steps = entry.sampler.count
        return entry.count, _ADAPTIVE if steps is None else steps * entry.sampler.evaluations_per_step
    size = counts(experiment.data.source).get(entry.split)
    images = min(entry.images or size or 0, size or entry.images or 0)
    if not isinstance(entry, Likelihood):
        return images, entry.times
    image = shape(experiment.data.source)
    exact = math.prod(image) if image else 1
    return images, _ADAPTIVE + _TRACES * (1 + (exact if entry.divergence == "exact" else entry.probes))


def _short(number: int) -> str:
    for unit, name in ((10**12, "T"), (10**9, "G"), (10**6, "M")):
        if number >= 10 * unit or (number >= unit and unit == 10**6):
            return f"{number / unit:,.0f} {name}"
    return f"{number:,}"


class MeshBatch(Rule):
    """A batch is split over all devices, `data` × `fsdp` of them: each must get as many images as the others.

    With `data: -1` the number of devices is known where the run starts, and checked there.
    """

    code = "GUD306"
    summary = "a batch that the mesh cannot share"
    bad = "{mesh: {data: 8, fsdp: 2}, train: {batch_size: 100}}"
    good = "{mesh: {data: 8, fsdp: 2}, train: {batch_size: 128}}"

    def check(self, document: Document) -> Iterator[Finding]:
        mesh, parts = document.experiment.mesh, document.experiment.train.accumulate
        devices = mesh.fsdp * max(mesh.data, 1)  # with −1, a multiple of fsdp
        sizes = [(size, path, 1 if size % parts else parts) for size, path in _batches(document.experiment)]
        sizes += [(e.batch_size, ("evaluate", i, "batch_size"), 1) for i, e in enumerate(document.experiment.evaluate)]
        for size, path, cut in sizes:
            if devices > 1 and size % (devices * cut):
                at_least = "" if mesh.data > 0 else "a multiple of "
                over = f"{at_least}{devices} devices (`mesh`: data × fsdp)"
                over += f" in {cut} parts (`train.accumulate`)" if cut > 1 else ""
                message = f"a batch of {size} images cannot be shared by {over}: take a multiple of {devices * cut}"
                yield Finding(message, path)


def _batches(experiment: Experiment) -> Iterator[tuple[int, Path]]:
    """Every batch size of the training, and the field that says so."""
    yield experiment.train.batch_size, ("train", "batch_size")
    for index, phase in enumerate(experiment.train.phases):
        yield phase.batch_size, ("train", "phases", index, "batch_size")


class Parts(Rule):
    """`accumulate` cuts every batch into so many equal parts, whose gradients are added up."""

    code = "GUD307"
    summary = "a batch that cannot be cut into equal parts"
    bad = "train: {batch_size: 128, accumulate: 3}"
    good = "train: {batch_size: 128, accumulate: 4}"

    def check(self, document: Document) -> Iterator[Finding]:
        parts = document.experiment.train.accumulate
        sizes = dict.fromkeys(size for size, _ in _batches(document.experiment) if size % parts)
        if sizes:
            listed = " and ".join(map(str, sizes))
            message = f"a batch of {listed} images cannot be cut into {parts} equal parts: take a divisor"
            yield Finding(message, ("train", "accumulate"))


class LargeTokens(Rule):
    """Dense layers reduce the tokens: to `mixer_tokens`, and on a grid that attends to as many as it has positions.

    Their weights are tokens × tokens, and tokens × positions or patches. With every component of a large image a token
    they outnumber the rest of the network. Mix fewer tokens, or let the components share them.
    """

    code = "GUD302"
    severity = "warning"
    summary = "noising-state tokens outweigh the network"
    bad = """\
{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: fourier}},
 network: {kind: unet, conditioning: components, mixer_tokens: 65536, attention: 128}}"""
    good = """\
{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: fourier}},
 network: {kind: unet, conditioning: components, attention: 16}}"""
    source = "GUD (arXiv:2410.02667), App. A"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = backbone(document.experiment), shape(document.experiment.data.source)
        if image is None or network.conditioning != "components":
            return
        # conjugate pairs of a Fourier basis share a token
        pairs = 2 if spatial(document.experiment.design.basis).kind == "fourier" else 1
        tokens = math.prod(image) // pairs
        if isinstance(network, Unet):
            sides = [(image[0] >> level, image[1] >> level) for level in range(len(network.multipliers))]
            positions = sum(height * width for height, width in sides if max(height, width) <= network.attention)
            width = network.channels * max(network.multipliers)
            others: float = 40 * width**2 * network.blocks * len(network.multipliers)
        else:
            positions = image[0] * image[1] // network.patch**2
            others = (10 + 2 * network.mlp_ratio) * network.width**2 * network.depth
        mixed = min(tokens, network.mixer_tokens)
        weights = mixed * (positions + (tokens if mixed < tokens else 0))
        if weights > 10_000_000 and weights > others:
            message = (
                f"{tokens:,} tokens reach grids of {positions:,} positions through {weights / 1e6:,.0f} million "
                f"weights, more than all others together: lower `mixer_tokens` ({network.mixer_tokens:,})"
            )
            yield Finding(message, ("network", "conditioning"))


class ManyPatches(Rule):
    """All patches attend to each other: for every image a block compares patches × patches in each head.

    These numbers lie in memory at once, one block after the other with `remat`, all blocks together without. Half the
    side of the patches makes them 16 times as many. Take larger patches, or diffuse latents.
    """

    code = "GUD309"
    severity = "warning"
    summary = "attention between very many patches"
    bad = "{data: {source: {kind: photos, size: 256}}, network: {kind: dit, patch: 2}}"
    good = "{data: {source: {kind: photos, size: 256}}, network: {kind: dit, patch: 4}}"
    source = "Scalable Diffusion Models with Transformers (arXiv:2212.09748), §3.2"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        if not isinstance(network, Dit) or image is None:
            return
        patches = image[0] * image[1] // network.patch**2
        size = 4 * network.heads * patches**2 / 2**30
        if size > _COMPARISONS:
            message = (
                f"{patches:,} patches attend to each other in {network.heads} heads: {size:.1f} GiB for every image in "
                "every block; take larger patches"
            )
            yield Finding(message, ("network", "patch"))


RULES: tuple[type[Rule], ...] = (
    PcaSize,
    LargeTokens,
    ManyPatches,
    CheckpointOften,
    ExactTrace,
    MoreThanTraining,
    MeshBatch,
    Parts,
)
