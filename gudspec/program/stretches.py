"""Segments at work: the way from data to prior in stretches, each with a process and a denoiser of its own.

The state of every program keeps all components. While a level rests, its components hold the white noise that the
prior has given them, and nothing moves or reads them. Where a level begins to rest they are divided by their standard
deviation V^½, V = α²Σ + σ², and multiplied by it on the way back: the way is a bijection, and the model's density has
independent Gaussians for what was dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.noising import total_variance
from gudspec.process.paths import Held
from gudspec.process.process import Process
from gudspec.program.denoiser import Denoise
from gudspec.program.segments import RESTING, WHOLE, Segment, divided, resting

__all__ = ["Stretch", "deviation", "process_of", "shares", "stretches_of"]


@dataclass(frozen=True, eq=False)
class Stretch:
    """A segment with what it takes to move through it.

    Args:
        process: the process; levels that rest have the noising state of the prior.
        denoise: the denoiser on the segment's grid; for levels that rest it says nothing, or 0.
        segment: when, and how many levels rest.
    """

    process: Process
    denoise: Denoise
    segment: Segment = WHOLE

    @property
    def moving(self) -> Array | None:
        """Which components do not rest, bool [H, W, C]; None if none do."""
        return ~resting(self.process.scale.shape, self.segment.halvings) if self.segment.halvings else None


def stretches_of(
    process: Process, segments: Sequence[Segment], denoiser: Callable[[Process, int], Denoise]
) -> tuple[Stretch, ...]:
    """The stretches of a process.

    Args:
        process: the process, with nothing dropped.
        segments: from t = 0 to 1; the first one drops nothing.
        denoiser: (process of a segment, number of levels that rest) → its denoiser.
    """
    pairs = ((process_of(process, segment), segment) for segment in segments)
    return tuple(Stretch(own, denoiser(own, segment.halvings), segment) for own, segment in pairs)


def process_of(process: Process, segment: Segment) -> Process:
    """The process in a segment."""
    if not segment.halvings:
        return process
    rests = resting(process.scale.shape, segment.halvings)
    return replace(process, path=Held(process.path, rests, RESTING))


def shares(segments: Sequence[Segment], batch: int, parts: int = 1) -> list[Callable[[Array], Array]]:
    """Per segment, what takes its examples from a batch [b, …]: about as many as its time is long.

    Every few neighbours are divided alike, so that rows that are split over devices stay where they are; see `divided`.
    """
    if len(segments) == 1:
        return [lambda array: array]
    width, cuts = divided(segments, batch, parts)

    def share(array: Array, first: int, last: int) -> Array:
        bundles = array.reshape(batch // width, width, *array.shape[1:])
        return bundles[:, first:last].reshape(-1, *array.shape[1:])

    return [partial(share, first=first, last=last) for first, last in pairwise(cuts)]


def deviation(finer: Process, segment: Segment, parameters: Parameters) -> Array:
    """V^½ of the components that begin to rest where a segment begins, and 1 of all others, [H, W, C].

    Args:
        finer: the process in the segment before.
        segment: the segment.
        parameters: parameters of the path.
    """
    xp = namespace(finer.variance)
    gamma = finer.gamma(xp.full(1, segment.start, dtype=finer.variance.dtype), parameters)[0]
    # what has rested before is prior noise already: α² is 0 and V is 1
    spread = xp.sqrt(total_variance(gamma, finer.variance))
    return xp.where(resting(finer.scale.shape, segment.halvings), spread, 1.0)
