"""Rules about the design point: do basis, schedule, network and image fit together?"""

import math
from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.design import (
    CosineSchedule,
    Design,
    HaarBasis,
    HierarchicalSchedule,
    LinearSchedule,
    SequentialSchedule,
    SoftLinearSchedule,
    VpSchedule,
)
from gudspec.spec.sources import shape
from gudspec.spec.tree import Path

__all__ = ["RULES"]

_BASIS_OF_ORDERING = {"frequency": "fourier", "mixture": "fourier", "column": "pixel", "row": "pixel"}
"""Bases in which an ordering is defined; −log Σ is defined in each."""
_NOISE = 3.0
"""The smallest γ̃_noise of the paper's rule for (21)."""
_PCA_PIXELS = 64 * 64
"""The largest covariance that is diagonalized."""
_BASIS_OF_TOKENS = {"columns": "pixel", "rows": "pixel", "levels": "haar", "level_columns": "haar"}
"""Bases in which a partition of the components into tokens is defined."""


def _wrong_basis(design: Design) -> bool:
    """Whether the schedule needs another basis: GUD203 and GUD204 say so, and other rules need not."""
    schedule = design.schedule
    if isinstance(schedule, HierarchicalSchedule):
        return design.basis.kind != "haar"
    if isinstance(schedule, SoftLinearSchedule | SequentialSchedule):
        return _BASIS_OF_ORDERING.get(schedule.ordering.kind, design.basis.kind) != design.basis.kind
    return False


class HaarLevels(Rule):
    """Each level of the Haar transform halves the image, so 2^levels must divide its height and its width."""

    code = "GUD201"
    summary = "Haar levels do not divide the image"
    bad = "design: {basis: {kind: haar, levels: 4}}"
    good = "design: {basis: {kind: haar, levels: 3}}"

    def check(self, document: Document) -> Iterator[Finding]:
        basis, image = document.experiment.design.basis, shape(document.experiment.data.source)
        if isinstance(basis, HaarBasis) and image and (most := _halvings(image)) < basis.levels:
            message = (
                f"{basis.levels} Haar levels need sides divisible by {2**basis.levels}, "
                f"but the images are {image[0]}×{image[1]}: {_at_most(most)}"
            )
            yield Finding(message, ("design", "basis", "levels"), suggestion=str(most) if most else None)


class UnetLevels(Rule):
    """Each level of the U-Net after the first halves the image; what has been halved must be doubled back exactly."""

    code = "GUD202"
    summary = "U-Net levels do not divide the image"
    bad = "network: {kind: unet, multipliers: [1, 2, 2, 2, 2]}"
    good = "network: {kind: unet, multipliers: [1, 2, 2]}"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        halvings = len(network.multipliers) - 1
        if image and (most := _halvings(image)) < halvings:
            message = (
                f"{halvings + 1} levels halve the image {halvings} times, "
                f"but it is {image[0]}×{image[1]}: {_at_most(most + 1)}"
            )
            yield Finding(message, ("network", "multipliers"))


class OrderingBasis(Rule):
    """Some orderings exist in one basis only.

    A frequency belongs to a Fourier component, a column or a row to a pixel. −log Σ, the variance of a component,
    is defined in every basis.
    """

    code = "GUD203"
    summary = "the ordering is not defined in this basis"
    bad = "design: {basis: {kind: pca}, schedule: {kind: soft_linear, ordering: {kind: frequency}}}"
    good = "design: {basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: frequency}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if isinstance(design.schedule, SoftLinearSchedule | SequentialSchedule) and _wrong_basis(design):
            ordering = design.schedule.ordering.kind
            variable = "frequency" if ordering == "mixture" else ordering
            message = (
                f"the ordering `{ordering}` needs the {_BASIS_OF_ORDERING[ordering]} basis; "
                f"components of the {design.basis.kind} basis have no {variable}"
            )
            yield Finding(message, ("design", "schedule", "ordering", "kind"))


class HierarchicalBasis(Rule):
    """The hierarchical schedule noises wavelet levels one after the other, which only the Haar basis has."""

    code = "GUD204"
    summary = "the hierarchical schedule needs the Haar basis"
    bad = "design: {basis: {kind: pixel}, schedule: {kind: hierarchical}}"
    good = "design: {basis: {kind: haar}, schedule: {kind: hierarchical}}"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if isinstance(design.schedule, HierarchicalSchedule) and _wrong_basis(design):
            message = f"the hierarchical schedule needs the haar basis: the {design.basis.kind} basis has no levels"
            yield Finding(message, ("design", "schedule", "kind"))


class Tokens(Rule):
    """The network sees one noise level per token, so γ must be the same for all components of a token.

    `groups` always fits: it takes the groups of the schedule. `components` always fits too, and costs most.
    """

    code = "GUD205"
    summary = "γ varies inside the network's tokens"
    bad = "{design: {schedule: {kind: sequential}}, network: {kind: unet, conditioning: scalar}}"
    good = "{design: {schedule: {kind: sequential}}, network: {kind: unet, conditioning: columns}}"

    def check(self, document: Document) -> Iterator[Finding]:
        design, tokens = document.experiment.design, document.experiment.network.conditioning
        basis = _BASIS_OF_TOKENS.get(tokens, design.basis.kind)
        if _wrong_basis(design) or tokens in _tokens(design):
            return
        if basis != design.basis.kind:
            message = f"tokens by `{tokens}` need the {basis} basis, not {design.basis.kind}"
        else:
            message = f"γ of the {design.schedule.kind} schedule is not constant inside tokens by `{tokens}`"
        yield Finding(
            f"{message}; `groups` always fits",
            ("network", "conditioning"),
            notes=(f"fitting: {', '.join(_tokens(design))}",),
        )


class PriorReached(Rule):
    """Sampling starts from pure noise, so the path must end there.

    At γ = 3 the data still has 5 % of the variance that it had. A path that stops earlier starts sampling in a
    distribution that the network has never seen, which shifts colours and contrast.
    """

    code = "GUD208"
    severity = "warning"
    summary = "the path stops short of the prior"
    bad = "design: {schedule: {kind: linear, gamma: {min: -9, max: 1}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        end = _end(document.experiment)
        if end and end[0] < _NOISE:
            gamma, path = end
            kept = 100 / (1 + math.exp(gamma))
            message = (
                f"the path ends at γ = {gamma:.3g}, where {kept:.0f} % of the data's variance is left; end at 3 or more"
            )
            yield Finding(message, ("design", "schedule", *path))


def _end(experiment: Experiment) -> tuple[float, Path] | None:
    """γ at t = 1 (relative to the data's variance for `soft_linear`), where the spec alone decides it."""
    schedule = experiment.design.schedule
    match schedule:
        case VpSchedule():
            integral = (schedule.beta_min + schedule.beta_max) / 2
            return (math.log(math.expm1(integral)) if integral < 500 else integral), ("beta_max",)
        case SoftLinearSchedule():
            return (schedule.snr.noise, ("snr", "noise")) if schedule.snr.sigma_min is None else None
        case LinearSchedule() | CosineSchedule() | SequentialSchedule() | HierarchicalSchedule():
            return None if schedule.gamma.max is None else (schedule.gamma.max, ("gamma", "max"))


class PcaSize(Rule):
    """The PCA basis needs the eigenvectors of a pixels × pixels matrix.

    Memory grows with the fourth power of the image's side and time with the sixth, so images of more than 64×64
    are refused. The Fourier basis nearly diagonalizes the covariance of photographs and costs nothing.
    """

    code = "GUD301"
    summary = "PCA of images that are too large"
    bad = "{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: pca}}}"
    good = "{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: fourier}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        image = shape(document.experiment.data.source)
        if document.experiment.design.basis.kind == "pca" and image and image[0] * image[1] > _PCA_PIXELS:
            pixels = image[0] * image[1]
            message = (
                f"PCA of {image[0]}×{image[1]} images needs the eigenvectors of a {pixels:,} × {pixels:,} matrix; "
                f"at most {_PCA_PIXELS:,} pixels are possible, and the fourier basis has no such limit"
            )
            yield Finding(message, ("design", "basis", "kind"))


RULES: tuple[type[Rule], ...] = (
    HaarLevels,
    UnetLevels,
    OrderingBasis,
    HierarchicalBasis,
    Tokens,
    PriorReached,
    PcaSize,
)


def _halvings(image: tuple[int, int, int]) -> int:
    """How often both sides can be halved."""
    common = math.gcd(image[0], image[1])
    return (common & -common).bit_length() - 1


def _at_most(levels: int) -> str:
    return f"at most {levels} fit" if levels else "none fits"


def _tokens(design: Design) -> tuple[str, ...]:
    """The partitions on whose parts γ is constant."""
    schedule, basis = design.schedule, design.basis.kind
    always = ("groups", "components")
    match schedule:
        case LinearSchedule() | VpSchedule() | CosineSchedule():
            return (*always, "scalar", *(tokens for tokens, needed in _BASIS_OF_TOKENS.items() if needed == basis))
        case SequentialSchedule() if schedule.ordering.kind in ("column", "row"):
            return (*always, f"{schedule.ordering.kind}s")
        case HierarchicalSchedule():
            return (*always, "level_columns")
    return always
