"""Rules about `design.segments`: levels that are dropped once they are prior noise."""

import math
from collections.abc import Iterator
from itertools import pairwise

from gudspec.linter.look import look
from gudspec.linter.rule import Finding, PathRule, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.bases import HaarBasis, spatial
from gudspec.spec.models.design import Design
from gudspec.spec.models.tasks import ON_THE_PATH
from gudspec.spec.models.training import Unet
from gudspec.spec.models.transformers import Dit
from gudspec.spec.sources import shape
from gudspec.spec.stage import learned_stage
from gudspec.spec.tree import Path

__all__ = ["RULES"]

_PATH: Path = ("design", "segments")
_VISIBLE = 0.01
"""Bits/dim that dropping may cost: a third of what separates published models."""


def _levels(design: Design) -> int:
    basis = spatial(design.basis)
    return basis.levels if isinstance(basis, HaarBasis) else 0


def _drops(document: Document) -> bool:
    """Whether the spec asks for levels to be dropped; a learned stage has its own rules."""
    design = document.experiment.design
    return design.segments != "off" and learned_stage(design) is None


def _dropped(document: Document) -> int:
    """How many levels the spec drops, as far as its text or its image tell."""
    chosen = document.experiment.design.segments
    if isinstance(chosen, tuple):
        return len(chosen)
    design = look(document).design if chosen == "auto" else None
    return design.segments[-1].halvings if design else 0


class NothingToDrop(Rule):
    """Only the levels of a haar basis leave a coarser image behind when they are dropped.

    Each turning point halves both sides of the image once, so there are at most as many as the basis has levels.
    """

    code = "GUD280"
    summary = "`segments` without levels that could be dropped"
    bad = "design: {basis: {kind: pca}, segments: [0.5]}"
    good = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.5]}"
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if not _drops(document):
            return
        levels = _levels(design)
        if levels == 0:
            message = f"components of the {design.basis.kind} basis form no coarser image that could be worked on"
            yield Finding(f"{message}; levels of a haar basis do", _PATH)
        elif isinstance(design.segments, tuple) and len(design.segments) > levels:
            message = f"{len(design.segments)} levels to drop, but the basis has only {levels}"
            yield Finding(message, (*_PATH, levels))


class DropsNothing(PathRule):
    """`auto` drops a level from the time on at which the schedule has taken all of it to the prior.

    Schedules that noise all levels together, or whose order the data decides, never do so before t = 1.
    """

    code = "GUD281"
    severity = "warning"
    summary = "`segments: auto` on a schedule that drops nothing"
    bad = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: linear}, segments: auto}"
    good = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: auto}"
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"
    evaluates = "design"

    def check(self, document: Document) -> Iterator[Finding]:
        design = document.experiment.design
        if design.segments == "auto" and _levels(design) and look(document).design and not _dropped(document):
            message = f"the {design.schedule.kind} schedule takes no level to the prior before the others: nothing is"
            yield Finding(f"{message} dropped", _PATH, suggestion="off")

    def applies(self, document: Document) -> bool:
        return document.experiment.design.segments == "auto"


class NoGridForWhatIsLeft(Rule):
    """A coarser image enters a U-Net at the level that has its size, so there must be one.

    With `multipliers` of n entries the network has n grids, each half of the one before. A transformer has as many as
    its patches tile.
    """

    code = "GUD282"
    summary = "more levels dropped than the network has grids"
    bad = (
        "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.4, 0.8]}, "
        "network: {kind: unet, multipliers: [1, 2]}}"
    )
    good = (
        "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.4, 0.8]}, "
        "network: {kind: unet, multipliers: [1, 2, 2]}}"
    )
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"

    def check(self, document: Document) -> Iterator[Finding]:
        network, image = document.experiment.network, shape(document.experiment.data.source)
        dropped = _dropped(document) if _levels(document.experiment.design) else 0
        if isinstance(network, Unet) and dropped >= len(network.multipliers):
            message = (
                f"`design.segments` works on {dropped + 1} grids, but the network has {len(network.multipliers)}; "
                f"give `multipliers` {dropped + 1} entries or more"
            )
            yield Finding(message, ("network", "multipliers"))
        if isinstance(network, Dit) and image and not any(side % network.patch for side in image[:2]):
            height, width = image[0] >> dropped, image[1] >> dropped
            if height % network.patch or width % network.patch:
                message = (
                    f"the coarsest grid of `design.segments` is {height}×{width}, which patches of "
                    f"{network.patch}×{network.patch} do not tile"
                )
                yield Finding(message, ("network", "patch"), suggestion=str(math.gcd(height, width, network.patch)))


class LeavesTheSegments(Rule):
    """On a coarser grid the network knows the dropped levels as prior noise, and nothing else.

    Training measures that put them elsewhere, other paths and tasks that hold components need the whole grid.
    """

    code = "GUD283"
    summary = "noising states that `segments` cannot follow"
    bad = (
        "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: auto}, "
        "objective: {measure: {kind: independent}}}"
    )
    good = "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: auto}}"
    source = "GUD (arXiv:2410.02667), §4.5"

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        if not (_levels(experiment.design) and _dropped(document)):
            return
        why = "leaves the path, on which alone `design.segments` may drop levels; use `segments: off`"
        measure = getattr(experiment.objective, "measure", None)
        if measure is not None and measure.kind != "path":
            yield Finding(f"the {measure.kind} measure {why}", ("objective", "measure"))
        for index, entry in enumerate(experiment.sample):
            if entry.schedule is not None:
                yield Finding(f"`path` {why}", ("sample", index, "path"))
            elif not isinstance(entry.task, ON_THE_PATH):
                yield Finding(f"the task {entry.task.kind} {why}", ("sample", index, "task"))


class DroppedTooEarly(PathRule):
    """What is dropped is drawn by itself on the way back: all that it still told of the image is lost.

    The cost is at most ½ Σ log(1 + α²Σ/σ²) over the dropped components, with α and σ at the turning point. Where the
    data is not known yet, Σ is taken to be 1.
    """

    code = "GUD284"
    severity = "warning"
    summary = "a level is dropped while it still tells of the image"
    bad = (
        "{data: {source: {kind: gaussian_field, size: 8}}, design: {basis: {kind: haar, levels: 2}, "
        "schedule: {kind: linear, gamma: {min: -9, max: 5}}, segments: [0.3]}}"
    )
    good = (
        "{data: {source: {kind: gaussian_field, size: 8}}, design: {basis: {kind: haar, levels: 2}, "
        "schedule: {kind: dvdp, turning: [0.3], base: {kind: linear, gamma: {min: -9, max: 5}}}, segments: auto}}"
    )
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3.3"

    def check(self, document: Document) -> Iterator[Finding]:
        if not self.applies(document) or not _levels(document.experiment.design):
            return
        seen = look(document)
        design, path = seen.design, seen.path
        if design is None or path is None:
            return
        import numpy as np

        from gudspec.program.segments import bits_lost

        variance = seen.process.variance if seen.process else np.ones(design.shape)
        for index, pair in enumerate(pairwise(design.segments)):
            bits = max(bits_lost(path, variance, at, *pair) for at in seen.corners)
            segment = pair[1]
            if bits > _VISIBLE:
                message = (
                    f"dropping level {index + 1} at t = {segment.start:g} costs up to {bits:.2g} bits/dim; "
                    "let the schedule take it to the prior first, or drop it later"
                )
                given = document.experiment.design.segments
                yield Finding(message, _PATH if isinstance(given, str) else (*_PATH, index))

    def applies(self, document: Document) -> bool:
        return _drops(document)


class BatchNotDivided(PathRule):
    """Every batch is divided among the segments, about as many images to each as its time is long.

    That is done in bundles of 16 neighbours, or fewer where 16 does not divide the batch, so that images which lie on
    several devices stay there. A bundle needs an image for every segment.
    """

    code = "GUD285"
    summary = "a batch that cannot be divided among the segments"
    bad = "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: auto}, train: {batch_size: 33}}"
    good = "{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: auto}, train: {batch_size: 32}}"
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"
    evaluates = "design"

    def check(self, document: Document) -> Iterator[Finding]:
        if not self.applies(document):
            return
        design, train = look(document).design, document.experiment.train
        stage = learned_stage(document.experiment.design)
        if stage is None and (design is None or len(design.segments) == 1):
            return
        from gudspec.program.segments import Segment, divided, halves

        segments: tuple[Segment, ...] = halves(stage.turning) if stage else ()
        if design is not None and not stage:
            segments = design.segments

        for index, (_, batch) in enumerate(train.batches):
            if batch % train.accumulate:  # which is told by itself
                continue
            try:
                divided(segments, batch, train.accumulate)
            except ValueError as error:
                path = ("batch_size",) if index == 0 else ("phases", index - 1, "batch_size")
                yield Finding(str(error), ("train", *path))

    def applies(self, document: Document) -> bool:
        return document.experiment.design.segments != "off"


RULES: tuple[type[Rule], ...] = (
    NothingToDrop,
    DropsNothing,
    NoGridForWhatIsLeft,
    LeavesTheSegments,
    DroppedTooEarly,
    BatchNotDivided,
)
