"""Rules about the design point: do basis, schedule, network and image fit together?"""

import math
from collections.abc import Iterator
from typing import get_args

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.bases import ColorBasis, HaarBasis, PcaBasis, spatial
from gudspec.spec.models.design import Design
from gudspec.spec.models.experiment import backbone
from gudspec.spec.models.orderings import PatchOrdering
from gudspec.spec.models.schedules import (
    AnySchedule,
    KnotsSchedule,
    LearnedSchedule,
    SequentialSchedule,
    SoftLinearSchedule,
)
from gudspec.spec.models.training import Unet
from gudspec.spec.models.transformers import Dit
from gudspec.spec.sources import counts, shape

__all__ = ["RULES"]

_FREQUENCIES = ("fourier", "dct")
"""Bases whose components have a frequency."""
_BASES_OF_ORDERING = {
    "frequency": _FREQUENCIES,
    "mixture": _FREQUENCIES,
    "column": ("pixel",),
    "row": ("pixel",),
    "patch": ("pixel",),
    "level": ("haar",),
}
"""Bases in which an ordering is defined; −log Σ, random and given orders are defined in each."""
_BASES_OF_SCHEDULE = {
    "hierarchical": ("haar",),
    "rg_cutoff": _FREQUENCIES,
    "blurring": ("dct",),
    "dvdp": ("haar",),
    "fdm": ("haar",),
    "fdm_blur": ("dct",),
    "subspace": ("haar",),
}
"""Bases in which a schedule is defined; the others are in each, unless their groups or ordering say otherwise."""
_BASIS_OF_TOKENS = {
    "pixels": "pixel",
    "columns": "pixel",
    "rows": "pixel",
    "levels": "haar",
    "level_columns": "haar",
}
"""Bases in which a partition of the components into tokens is defined."""


def _wrong_basis(design: Design) -> bool:
    """Whether the schedule needs another basis: GUD203 and GUD204 say so, and other rules need not."""
    schedule, basis = design.schedule, spatial(design.basis).kind
    if needed := _needed_bases(schedule):
        return basis not in needed
    if isinstance(schedule, SoftLinearSchedule | SequentialSchedule):
        return basis not in _BASES_OF_ORDERING.get(schedule.ordering.kind, (basis,))
    return False


def _needed_bases(schedule: AnySchedule) -> tuple[str, ...]:
    """Bases in which a schedule is defined whatever its ordering; none for all of them."""
    if isinstance(schedule, KnotsSchedule | LearnedSchedule):
        return (_BASIS_OF_TOKENS[schedule.by],) if schedule.by in _BASIS_OF_TOKENS else ()
    return _BASES_OF_SCHEDULE.get(schedule.kind, ())


class HaarLevels(Rule):
    """Each level of the Haar transform halves the image, so 2^levels must divide its height and its width."""

    code = "GUD201"
    summary = "Haar levels do not divide the image"
    bad = "design: {basis: {kind: haar, levels: 4}}"
    good = "design: {basis: {kind: haar, levels: 3}}"
    source = "GUD (arXiv:2410.02667), App. D"

    def check(self, document: Document) -> Iterator[Finding]:
        design, image = document.experiment.design, shape(document.experiment.data.source)
        basis = spatial(design.basis)
        path = ("design", "basis", "levels") if basis is design.basis else ("design", "basis", "spatial", "levels")
        if isinstance(basis, HaarBasis) and image and (most := _halvings(image)) < basis.levels:
            message = (
                f"{basis.levels} Haar levels need sides divisible by {2**basis.levels}, "
                f"but the images are {image[0]}×{image[1]}: {_at_most(most)}"
            )
            yield Finding(message, path, suggestion=str(most) if most else None)


class UnetLevels(Rule):
    """Each level of the U-Net after the first halves the image; what has been halved must be doubled back exactly."""

    code = "GUD202"
    summary = "U-Net levels do not divide the image"
    bad = "network: {kind: unet, multipliers: [1, 2, 2, 2, 2]}"
    good = "network: {kind: unet, multipliers: [1, 2, 2]}"
    source = "GUD (arXiv:2410.02667), App. A"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        if not isinstance(network, Unet):
            return
        halvings = len(network.multipliers) - 1
        if image and (most := _halvings(image)) < halvings:
            message = (
                f"{halvings + 1} levels halve the image {halvings} times, "
                f"but it is {image[0]}×{image[1]}: {_at_most(most + 1)}"
            )
            yield Finding(message, ("network", "multipliers"))


class NetworkPatches(Rule):
    """Every pixel belongs to a patch, so the side of the patches must divide the height and the width of the image."""

    code = "GUD294"
    summary = "patches of the transformer do not tile the image"
    bad = "network: {kind: dit, patch: 3}"
    good = "network: {kind: dit, patch: 2}"
    source = "Scalable Diffusion Models with Transformers (arXiv:2212.09748), §3.2"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        if not isinstance(network, Dit) or not image or not (image[0] % network.patch or image[1] % network.patch):
            return
        common = math.gcd(image[0], image[1])
        fitting = [side for side in range(1, common + 1) if common % side == 0]
        message = (
            f"patches of {network.patch}×{network.patch} pixels do not tile images of {image[0]}×{image[1]}: "
            f"sides that do are {', '.join(map(str, fitting))}"
        )
        nearest = min(fitting, key=lambda side: abs(side - network.patch))
        yield Finding(message, ("network", "patch"), suggestion=str(nearest))


class OrderingBasis(Rule):
    """Some orderings exist in one basis only.

    A frequency belongs to a Fourier or cosine component, a column, a row or a patch to a pixel, a level to a wavelet.
    −log Σ, the variance of a component, is defined in every basis; so are random orders and those from a file.
    """

    code = "GUD203"
    summary = "the ordering is not defined in this basis"
    bad = "design: {basis: {kind: pca}, schedule: {kind: soft_linear, ordering: {kind: frequency}}}"
    good = "design: {basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: frequency}}}"
    source = "GUD (arXiv:2410.02667), §5.1–5.3"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if isinstance(design.schedule, SoftLinearSchedule | SequentialSchedule) and _wrong_basis(design):
            ordering = design.schedule.ordering.kind
            variable = "frequency" if ordering == "mixture" else ordering
            message = (
                f"the ordering `{ordering}` needs the {' or '.join(_BASES_OF_ORDERING[ordering])} basis; "
                f"components of the {spatial(design.basis).kind} basis have no {variable}"
            )
            yield Finding(message, ("design", "schedule", "ordering", "kind"))


class ScheduleBasis(Rule):
    """Some schedules exist in one basis only.

    Levels to noise or to drop one after the other are in the Haar basis, frequencies to cut off in the Fourier and the
    cosine basis, heat dissipation in the cosine basis, columns and rows of knots in that of pixels.
    """

    code = "GUD204"
    summary = "the schedule is not defined in this basis"
    bad = "design: {basis: {kind: pixel}, schedule: {kind: hierarchical}}"
    good = "design: {basis: {kind: haar}, schedule: {kind: hierarchical}}"
    source = "GUD (arXiv:2410.02667), §3.2 and §5.3"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if (needed := _needed_bases(design.schedule)) and _wrong_basis(design):
            what = {"haar": "levels", "pixel": "columns or rows"}.get(needed[0], "frequencies of that kind")
            message = (
                f"the {design.schedule.kind} schedule needs the {' or the '.join(needed)} basis: "
                f"the {spatial(design.basis).kind} basis has no {what}"
            )
            yield Finding(message, ("design", "schedule", "kind"))


class Tokens(Rule):
    """The network sees one noise level per token, so γ must be the same for all components of a token.

    `groups` always fits: it takes the groups of the schedule. `components` always fits too, and costs most.
    """

    code = "GUD205"
    summary = "γ varies inside the network's tokens"
    bad = "{design: {schedule: {kind: sequential}}, network: {kind: unet, conditioning: scalar}}"
    good = "{design: {schedule: {kind: sequential}}, network: {kind: unet, conditioning: columns}}"
    source = "GUD (arXiv:2410.02667), App. A"

    def check(self, document: Document) -> Iterator[Finding]:
        design, tokens = document.experiment.design, backbone(document.experiment).conditioning
        kind = spatial(design.basis).kind
        if tokens in ("groups", "components") or _wrong_basis(design):
            return
        if (basis := _BASIS_OF_TOKENS.get(tokens, kind)) != kind:
            message = f"tokens by `{tokens}` need the {basis} basis, not {kind}"
            yield Finding(f"{message}; `groups` always fits", ("network", "conditioning"))
        elif tokens not in (fitting := _fitting_tokens(document)):
            message = f"γ of the {design.schedule.kind} schedule is not constant inside tokens by `{tokens}`"
            notes = (f"fitting: {', '.join(fitting)}",)
            yield Finding(f"{message}; `groups` always fits", ("network", "conditioning"), notes=notes)


class ColorChannels(Rule):
    """Luma and two opponent colours are three axes, so the images need three channels.

    Inside of it the spatial basis acts on each of the three alone. One that mixes colours itself, PCA with
    `colors: mixed`, diagonalizes nothing there: use it without `color`.
    """

    code = "GUD206"
    summary = "the color basis does not fit the images or its spatial basis"
    bad = "design: {basis: {kind: color}}"
    good = "{data: {source: {kind: photos, size: 32}}, design: {basis: {kind: color}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        basis, image = document.experiment.design.basis, shape(document.experiment.data.source)
        if not isinstance(basis, ColorBasis):
            return
        if image and image[2] != 3:
            channels = "one channel" if image[2] == 1 else f"{image[2]} channels"
            message = f"the color basis needs images of three channels, but they have {channels}: use its spatial basis"
            yield Finding(message, ("design", "basis", "kind"))
        if isinstance(basis.spatial, PcaBasis) and basis.spatial.colors == "mixed":
            message = "PCA with mixed colours is a basis of its own: its axes are those of the images, not of luma"
            yield Finding(message, ("design", "basis", "spatial", "colors"))


class PatchSize(Rule):
    """Patches tile the image, so their side must divide its height and its width; two patches at least make an order.

    A single patch is the whole image, which any scalar schedule noises at once.
    """

    code = "GUD207"
    summary = "patches do not tile the image"
    bad = "design: {schedule: {kind: sequential, ordering: {kind: patch, size: 3}}}"
    good = "design: {schedule: {kind: sequential, ordering: {kind: patch, size: 2}}}"
    source = "GUD (arXiv:2410.02667), §5.2"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule, image = document.experiment.design.schedule, shape(document.experiment.data.source)
        ordering = getattr(schedule, "ordering", None)
        if not isinstance(ordering, PatchOrdering) or not image:
            return
        if image[0] % ordering.size or image[1] % ordering.size or ordering.size == max(image[:2]):
            fitting = [size for size in range(1, min(image[:2]) + 1) if image[0] % size == image[1] % size == 0]
            fitting = [size for size in fitting if size < max(image[:2])]
            nearest = min(fitting, key=lambda size: abs(size - ordering.size), default=None)
            message = (
                f"patches of {ordering.size}×{ordering.size} do not tile images of {image[0]}×{image[1]} into two or "
                f"more: sizes that do are {', '.join(map(str, fitting))}"
            )
            path = ("design", "schedule", "ordering", "size")
            yield Finding(message, path, suggestion=str(nearest) if nearest else None)


class PriorBasis(Rule):
    """A power law is one of the frequency, which components of the Fourier and the cosine basis have."""

    code = "GUD209"
    summary = "the prior is not defined in this basis"
    bad = "design: {basis: {kind: pca}, prior: {kind: power_law}}"
    good = "design: {basis: {kind: dct}, prior: {kind: power_law}}"
    source = "GUD (arXiv:2410.02667), eq. (11)"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if design.prior.kind == "power_law" and (kind := spatial(design.basis).kind) not in _FREQUENCIES:
            message = (
                f"the prior `power_law` needs the {' or '.join(_FREQUENCIES)} basis; "
                f"components of the {kind} basis have no frequency"
            )
            yield Finding(message, ("design", "prior", "kind"))


class PcaRank(Rule):
    """The covariance of n images has at most n − 1 directions in which it is not zero.

    Eigenvectors beyond them are arbitrary: they have the variance of dequantization or none, and another run of the
    same statistics may turn them. Take more images, smaller ones, or a basis that does not depend on the data.
    """

    code = "GUD257"
    severity = "warning"
    summary = "PCA of fewer images than pixels"
    bad = "{data: {source: {kind: gaussian_field, size: 16, count: 200}}, design: {basis: {kind: pca}}}"
    good = "{data: {source: {kind: gaussian_field, size: 16, count: 4096}}, design: {basis: {kind: pca}}}"
    source = "GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        data, basis = document.experiment.data, spatial(document.experiment.design.basis)
        image, images = shape(data.source), counts(data.source).get("train")
        if not isinstance(basis, PcaBasis) or image is None or images is None:
            return
        images *= 2 if data.flip == "horizontal" else 1
        size = image[0] * image[1] * (image[2] if basis.colors == "mixed" else 1)
        if images <= size:
            message = f"{images:,} images cannot tell {size:,} axes apart: at least {size - images + 1:,} are arbitrary"
            yield Finding(message, ("design", "basis", "kind"))


RULES: tuple[type[Rule], ...] = (
    HaarLevels,
    UnetLevels,
    NetworkPatches,
    OrderingBasis,
    ScheduleBasis,
    Tokens,
    ColorChannels,
    PatchSize,
    PriorBasis,
    PcaRank,
)


def _halvings(image: tuple[int, int, int]) -> int:
    """How often both sides can be halved."""
    common = math.gcd(image[0], image[1])
    return (common & -common).bit_length() - 1


def _at_most(levels: int) -> str:
    return f"at most {levels} fit" if levels else "none fits"


def _fitting_tokens(document: Document) -> tuple[str, ...]:
    """The partitions on whose parts γ is constant; all of them where the design cannot be evaluated."""
    from gudspec.linter.look import look  # which imports this file

    kind = spatial(document.experiment.design.basis).kind
    names = get_args(type(backbone(document.experiment)).model_fields["conditioning"].annotation)
    names = tuple(name for name in names if _BASIS_OF_TOKENS.get(name, kind) == kind)
    if (design := look(document).design) is None:
        return names
    return tuple(name for name in names if design.partition(name).refines(design.groups))
