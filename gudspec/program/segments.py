"""Stretches of t in which a network works on a coarser grid. Free of JAX."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gudspec.process.arrays import Parameters
from gudspec.process.paths import Path, Windowed
from gudspec.program.layout import Layout, Shape
from gudspec.program.paths import Diffused, path_of
from gudspec.spec.models import schedules as spec
from gudspec.spec.models.design import LearnedStage
from gudspec.spec.models.orderings import LevelOrdering
from gudspec.spec.parameters import parameters_of, short_name

__all__ = ["RESTING", "WHOLE", "Segment", "bits_lost", "divided", "halves", "resting", "segments_of", "turning_points"]

RESTING = 28.0
"""γ of a level that has been dropped: α is below 1e-6, it is prior noise and tells nothing."""


class Segment(NamedTuple):
    """A stretch of t; the finest Haar levels rest at the prior, and the network's grid leaves them out."""

    start: float
    """Its first time."""
    stop: float
    """Its last time."""
    halvings: int
    """How many levels rest: the grid is (H/2ⁿ, W/2ⁿ)."""


WHOLE = Segment(0.0, 1.0, 0)
"""The only segment of a design that drops nothing."""


def segments_of(chosen: str | tuple[float, ...] | LearnedStage, turning: tuple[float, ...]) -> tuple[Segment, ...]:
    """The segments of a design, from t = 0 to 1.

    Args:
        chosen: `design.segments` of a spec. A learned stage drops no levels.
        turning: what `auto` means, from `turning_points`.

    Example:
        >>> segments_of("auto", (0.25, 0.5))[1:]
        (Segment(start=0.25, stop=0.5, halvings=1), Segment(start=0.5, stop=1.0, halvings=2))
    """
    if isinstance(chosen, LearnedStage):
        return (WHOLE,)
    times = {"off": (), "auto": turning}[chosen] if isinstance(chosen, str) else chosen
    ends = (0.0, *times, 1.0)
    pieces = (Segment(start, stop, halvings) for halvings, (start, stop) in enumerate(itertools.pairwise(ends)))
    return tuple(piece for piece in pieces if piece.start < piece.stop)


def halves(turning: float) -> tuple[Segment, Segment]:
    """The time of images and that of latents, of a learned stage."""
    return Segment(0.0, turning, 0), Segment(turning, 1.0, 0)


def turning_points(schedule: spec.AnySchedule, layout: Layout) -> tuple[float, ...]:
    """The times from which the finest 1, 2, … Haar levels are at the prior, whatever the parameters of the path.

    Returns:
        Rising times below 1; none where levels arrive together, or where the data says when they do.
    """
    match schedule:
        case spec.DvdpSchedule() | spec.FdmSchedule() | spec.SubspaceSchedule():
            return schedule.turning
        case spec.HierarchicalSchedule() | spec.SequentialSchedule(ordering=LevelOrdering()) if layout.haar_levels:
            ones = np.ones(layout.shape)
            path = path_of(schedule, layout, Diffused(ones, ones, np.ones(2)))  # windows do not depend on the data
            assert isinstance(path, Windowed)
            ends = {short_name(name): (found.low, found.high) for name, found in parameters_of(schedule).items()}
            corners = (dict(zip(ends, values, strict=True)) for values in itertools.product(*ends.values()))
            stop = np.max(
                [path.windows({k: np.float64(v) for k, v in corner.items()})[1] for corner in corners], axis=0
            )
            arrival = path.groups.expand(stop)
            times = [float(arrival[resting(layout.shape, n)].max()) for n in range(1, layout.haar_levels + 1)]
            return tuple(itertools.takewhile(lambda time: time < 1, times))
        case _:
            return ()


def resting(shape: Shape, halvings: int) -> np.ndarray:
    """Which components belong to the finest Haar levels, bool [H, W, C]."""
    height, width, _ = shape
    result = np.ones(shape, bool)
    result[: height >> halvings, : width >> halvings] = False
    return result


def divided(segments: Sequence[Segment], batch: int, parts: int = 1) -> tuple[int, list[int]]:
    """How a batch is divided among segments: in bundles of neighbours, each cut at the same places.

    Args:
        segments: from t = 0 to 1.
        batch: number of images.
        parts: in how many parts the batch is computed (`train.accumulate`); each gets whole bundles.

    Returns:
        The size of a bundle, and where it is cut, from 0 to that size: at about the times at which segments meet.

    Raises:
        ValueError: no bundle that divides the batch has an image for every segment.

    Example:
        >>> divided(segments_of("auto", (0.25, 0.5)), 128)
        (16, [0, 4, 8, 16])
    """
    size = next((size for size in (16, 8, 4, 2, 1) if batch % (size * parts) == 0), 0)
    if size < len(segments):
        of = f" in {parts} parts" if parts > 1 else ""
        raise ValueError(
            f"`design.segments` cannot divide a batch of {batch}{of} among {len(segments)} segments: "
            f"take a multiple of {16 * parts}"
        )
    cuts = [0, *(round(size * segment.stop) for segment in segments)]
    for index in range(1, len(segments)):  # at least one each
        cuts[index] = min(max(cuts[index], cuts[index - 1] + 1), size - len(segments) + index)
    return size, cuts


def bits_lost(path: Path, variance: np.ndarray, parameters: Parameters, before: Segment, segment: Segment) -> float:
    """What it costs at most to drop what begins to rest with a segment, in bits/dim.

    Refilled with independent noise of their variance V = α²Σ + σ², components no longer know of the data: the cost is
    the mean of KL(q(χ_i(t)|χ_i) ‖ N(0, V_i)), ½ log(1 + α_i²Σ_i/σ_i²), and less where others tell what they told.
    Prior noise in their place, V = 1, would cost ½ [α²Σ − α² − log(1 − α²)].

    Args:
        path: γ(t), with nothing dropped.
        variance: Σ of the components, [H, W, C].
        parameters: parameters of the path.
        before: the segment before.
        segment: the segment.
    """
    gamma = path.groups.expand(path.gamma(np.array([segment.start]), parameters))[0]
    begins = resting(variance.shape, segment.halvings) & ~resting(variance.shape, before.halvings)
    nats = 0.5 * np.log1p(np.exp(-np.broadcast_to(gamma, variance.shape)[begins]) * variance[begins])
    return float(nats.sum() / (variance.size * np.log(2)))
