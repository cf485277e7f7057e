"""From `objective.measure` to a training measure."""

from collections.abc import Mapping

from gudspec.process import measures
from gudspec.process.paths import Path
from gudspec.spec.models import measures as spec
from gudspec.spec.models.training import Objective

__all__ = ["measure_of"]


def measure_of(objective: Objective, path: Path, ranges: Mapping[str, tuple[float, float]]) -> measures.Measure:
    """The measure of an objective.

    Args:
        objective: the spec.
        path: the path of the design.
        ranges: trained range of every parameter of the path.
    """
    walk = measures.PathMeasure(path, ranges, objective.time == "low_discrepancy")

    def one(measure: spec.AnyMeasure) -> measures.Measure:
        match measure:
            case spec.OnPath():
                return walk
            case spec.LogNormal(mean=mean, deviation=deviation):
                return measures.LogNormal(path.groups.count, mean, deviation)
            case spec.Independent():
                return measures.Independent(walk)
            case spec.Masked(clean=clean):
                return measures.Masked(walk, clean)
            case spec.MeasureMixture(measures=parts, shares=shares):
                return measures.Mixture([one(part) for part in parts], shares)

    return one(objective.measure)
