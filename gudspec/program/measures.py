"""From `objective.measure` to a training measure."""

from collections.abc import Callable, Mapping

from gudspec.process import measures
from gudspec.process.groups import Groups
from gudspec.process.paths import Path
from gudspec.program.known import CLEAN
from gudspec.program.segments import WHOLE, Segment
from gudspec.spec.models import measures as spec
from gudspec.spec.models.training import Denoising

__all__ = ["CLEAN", "masks", "measure_of"]


def masks(objective: Denoising) -> list[spec.Masked]:
    """The measures of an objective that hold something clean."""
    measure = objective.measure
    parts = measure.measures if isinstance(measure, spec.MeasureMixture) else (measure,)
    return [part for part in parts if isinstance(part, spec.Masked)]


def measure_of(
    objective: Denoising,
    path: Path,
    ranges: Mapping[str, tuple[float, float]],
    partition: Callable[[str], Groups],
    segment: Segment = WHOLE,
) -> measures.Measure:
    """The measure of an objective.

    Args:
        objective: the spec.
        path: the path of the design.
        ranges: trained range of every parameter of the path.
        partition: what the `by` of a mask means.
        segment: the part of the path that is walked.
    """
    even = objective.time == "low_discrepancy"
    walk = measures.PathMeasure(path, ranges, even, segment.start, segment.stop)

    def one(measure: spec.AnyMeasure) -> measures.Measure:
        match measure:
            case spec.OnPath():
                return walk
            case spec.LogNormal(mean=mean, deviation=deviation):
                return measures.LogNormal(path.groups, mean, deviation)
            case spec.Independent():
                return measures.Independent(walk)
            case spec.Masked(by=by, clean=clean):
                return measures.Masked(walk, partition(by), clean)
            case spec.MeasureMixture(measures=parts, shares=shares):
                return measures.Mixture([one(part) for part in parts], shares)

    return one(objective.measure)
