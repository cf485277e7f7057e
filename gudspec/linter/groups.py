"""Rules about schedules whose groups are counted in the spec: as many as the basis and the image have."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.bases import HaarBasis, spatial
from gudspec.spec.models.schedules import DvdpSchedule, FdmSchedule, KnotsSchedule, SubspaceSchedule
from gudspec.spec.sources import shape

__all__ = ["RULES"]


class TurningPoints(Rule):
    """At each turning point a Haar level goes, the finest first. LL(N) stays, so there are N levels to drop."""

    code = "GUD217"
    summary = "more turning points than levels"
    bad = "design: {basis: {kind: haar, levels: 1}, schedule: {kind: dvdp, turning: [0.4, 0.8]}}"
    good = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp, turning: [0.4, 0.8]}}"
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule, basis = document.experiment.design.schedule, spatial(document.experiment.design.basis)
        if not isinstance(schedule, DvdpSchedule | FdmSchedule | SubspaceSchedule) or not isinstance(basis, HaarBasis):
            return
        if len(schedule.turning) > basis.levels:
            message = f"{len(schedule.turning)} turning points drop a level each, but the basis has {basis.levels}"
            yield Finding(message, ("design", "schedule", "turning"))


class KnotGroups(Rule):
    """Knots give one list of values for all groups or one for each.

    Columns and rows are those of the image, levels are LL(N) and the N levels of details, columns of levels those of
    the details. The cosines and sines of a frequency are one component.
    """

    code = "GUD218"
    summary = "knots for another number of groups"
    bad = "design: {schedule: {kind: knots, by: columns, values: [[-9, 5], [-8, 6]]}}"
    good = "design: {schedule: {kind: knots, by: columns, values: [[-9, 5]]}}"

    def check(self, document: Document) -> Iterator[Finding]:
        design, image = document.experiment.design, shape(document.experiment.data.source)
        schedule, basis = design.schedule, spatial(design.basis)
        if not isinstance(schedule, KnotsSchedule) or (given := len(schedule.values)) == 1:
            return
        groups: dict[str, int] = {"scalar": 1}
        if image:
            groups |= {"rows": image[0], "columns": image[1]}
        if isinstance(basis, HaarBasis):
            groups["levels"] = basis.levels + 1
            groups["level_columns"] = sum(image[1] >> level for level in range(1, basis.levels + 1)) if image else given
        if image and schedule.by == "components":
            from gudspec.program.layout import Layout

            groups["components"] = Layout(design.basis, image).groups.count
        if groups.get(schedule.by, given) != given:
            message = f"{given} lists of values for {groups[schedule.by]} groups by `{schedule.by}`"
            yield Finding(message, ("design", "schedule", "values"))


RULES: tuple[type[Rule], ...] = (TurningPoints, KnotGroups)
