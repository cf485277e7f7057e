"""Rules about the course of a path between its ends: what never moves, waits, or has no effect."""

import math
from collections.abc import Iterator

from gudspec.linter import fields
from gudspec.linter.evaluation import largest_at
from gudspec.linter.look import Look, look
from gudspec.linter.rule import Finding, PathRule, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.base import bounds
from gudspec.spec.models.bases import HaarBasis, spatial
from gudspec.spec.models.priors import PowerLawPrior
from gudspec.spec.models.schedules import (
    DvdpSchedule,
    FdmSchedule,
    HierarchicalSchedule,
    RgCutoffSchedule,
    SequentialSchedule,
    SoftLinearSchedule,
    SubspaceSchedule,
)
from gudspec.spec.tree import Path

__all__ = ["RULES"]

_IDLE = 0.2
"""Largest share of time that a path may stand still."""
_RISING = ("linear", "vp", "ddpm", "edm", "ve", "soft_linear", "learned")
"""Schedules that rise all the time, whatever their numbers."""
_GRID = 257
"""Times at which a path is looked at."""
_STRUCTURAL = ("column", "row", "patch", "level", "random")
"""Orderings that tell groups apart on any data."""
_PASSES = 4
"""Fewest evaluations of the network in which a group may go from noise to data."""
_GONE = 3.0
"""γ of a level that has gone."""


class NeverNoised(Rule):
    """A group whose γ is the same at all times is never noised and never generated.

    Sampling starts every group from noise and leaves such a one as it is: noise in the images, or an input that was
    never seen. To hold known components, train with `objective.measure: {kind: masked}`.
    """

    code = "GUD244"
    summary = "a group that is never noised"
    bad = "design: {schedule: {kind: knots, values: [[-9, -9]]}}"
    good = "design: {schedule: {kind: knots, values: [[-9, 5]]}}"
    source = "GUD (arXiv:2410.02667), eqs. (14) and (16)"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule = document.experiment.design.schedule
        for group in fields.frozen(schedule):
            name = f"group {group + 1}" if len(getattr(schedule, "values", ())) > 1 else "every component"
            yield Finding(
                f"γ of {name} never changes: it has to rise from data to noise", (*_SCHEDULE, "values", group)
            )


_SCHEDULE: Path = ("design", "schedule")


class Idle(PathRule):
    """While no component moves, nothing is learned and nothing is sampled.

    Training draws times from all of [0, 1], and samplers spread their steps over it: what the path stands still, they
    waste. Stretch the path over all of [0, 1].
    """

    code = "GUD245"
    severity = "warning"
    summary = "the path stands still for long"
    bad = "design: {schedule: {kind: knots, times: [0.2, 0.6], values: [[-9, 5]]}}"
    good = "design: {schedule: {kind: knots, times: [0.0, 1.0], values: [[-9, 5]]}}"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        if seen.schedule.kind in _RISING or seen.path is None:
            return
        if fields.frozen(seen.schedule) or list(OneGroup().check(document)):
            return
        import numpy as np

        values = seen.gamma(np.linspace(0, 1, min(_GRID, max(2**20 // seen.path.groups.count, 9))))
        assert values is not None
        length = np.maximum((values[:, -1] - values[:, 0]).max(axis=1), 1e-9)
        still = (np.diff(values, axis=1).max(axis=2) <= 1e-6 * length[:, None]).mean(axis=1)
        if (share := float(still.max())) > _IDLE:
            message = (
                f"nothing moves during {100 * share:.0f} % of the path: training and sampling steps are lost there"
            )
            yield Finding(message, _course(seen))

    def applies(self, document: Document) -> bool:
        return document.experiment.design.schedule.kind == "cosine"  # the others move, whatever their ends


def _course(seen: Look) -> Path:
    """The field that says when a path moves."""
    name = {"knots": "times", "cosine": "gamma"}.get(seen.schedule.kind, "kind")
    return (*_SCHEDULE, name)


class OneGroup(PathRule):
    """A hierarchy needs two groups or more, with different values of the ordering.

    If all are equal, the softness has no effect on the order; in `sequential` and `hierarchical` schedules the one
    window has the length 1 − b and the path stands still for the rest of the time. Spectra of white noise are flat.
    """

    evaluates = "sketch"
    code = "GUD246"
    severity = "warning"
    summary = "a hierarchy of one group"
    bad = "design: {basis: {kind: haar, levels: 1}, schedule: {kind: hierarchical, inverse_softness: {levels: 0.5}}}"
    good = "design: {basis: {kind: haar, levels: 2}, schedule: {kind: hierarchical, inverse_softness: {levels: 0.5}}}"
    source = "GUD (arXiv:2410.02667), eqs. (21) and (22), §5.3"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        schedule = seen.schedule
        if isinstance(schedule, HierarchicalSchedule):
            basis = spatial(document.experiment.design.basis)
            levels = basis.levels + schedule.separate_low if isinstance(basis, HaarBasis) else 0
            if levels == 1 and bounds(schedule.inverse_softness.levels)[1] > 0:
                message = "the basis has one level: `levels` orders nothing, and the path stands still for that long"
                yield Finding(message, (*_SCHEDULE, "inverse_softness", "levels"))
        elif isinstance(schedule, SequentialSchedule | SoftLinearSchedule) and self._equal(seen):
            what = "all values of the ordering are equal"
            yield Finding(f"{what}: `inverse_softness` orders nothing", (*_SCHEDULE, "inverse_softness"))

    def _equal(self, seen: Look) -> bool:
        schedule = seen.schedule
        assert isinstance(schedule, SequentialSchedule | SoftLinearSchedule)
        if bounds(schedule.inverse_softness) == (0, 0) or schedule.ordering.kind in _STRUCTURAL:
            return False
        ordering = getattr(seen.sketch, "ordering", None)
        if ordering is None:
            return False
        import numpy as np

        values = [np.asarray(ordering.values(at), float) for at in seen.corners]
        return all(float(np.ptp(one)) <= 1e-4 * max(1.0, float(np.abs(one).max())) for one in values)

    def applies(self, document: Document) -> bool:
        schedule = document.experiment.design.schedule
        if not isinstance(schedule, SequentialSchedule | SoftLinearSchedule):
            return False
        return schedule.ordering.kind not in _STRUCTURAL


class FewSteps(Rule):
    """Groups that are noised one after the other share the sampler's steps.

    The window of a group is 1 − b of the time (of a level, 1 − a; of its columns, (1 − a)(1 − b)): that share of the
    steps takes it from noise to data. No two of L groups overlap once b ≥ (L − 1)/L: the model is autoregressive then,
    and wants L times the steps of one group.
    """

    code = "GUD225"
    severity = "warning"
    summary = "too few sampler steps for each group"
    bad = """\
design: {schedule: {kind: sequential, inverse_softness: 0.95}}
sample: [{name: grid, sampler: {kind: ancestral, steps: 50}}]"""
    good = """\
design: {schedule: {kind: sequential, inverse_softness: 0.5}}
sample: [{name: grid, sampler: {kind: ancestral, steps: 50}}]"""
    source = "GUD (arXiv:2410.02667), eq. (22)"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule = document.experiment.design.schedule
        if not isinstance(schedule, SequentialSchedule | HierarchicalSchedule):
            return
        for index, entry in enumerate(document.experiment.sample):
            window = _window(schedule, largest_at(document.experiment, entry))
            steps = entry.sampler.count or 0
            if 0 < window * steps < _PASSES <= steps:
                message = (
                    f"`{entry.name}` generates each group in about {window * steps:.2g} of its {steps} steps, since "
                    f"the window of a group is {window:.3g}: {math.ceil(10 / window):,} steps would give it ten"
                )
                yield Finding(message, ("sample", index, "sampler", "steps"))


def _window(schedule: SequentialSchedule | HierarchicalSchedule, at: dict[str, float]) -> float:
    if isinstance(schedule, SequentialSchedule):
        return 1 - at["inverse_softness"]
    return (1 - at["inverse_softness.levels"]) * (1 - at["inverse_softness.columns"])


class Autoregressive(PathRule):
    """Groups that never overlap make an autoregressive model: each is generated when all before it are finished.

    That is so for L groups once b ≥ (L − 1)/L. Training then spends each step on one group, and a sampler needs its
    steps L times. It may be meant; a smaller b lets neighbouring groups share steps.
    """

    evaluates = "sketch"
    code = "GUD247"
    severity = "warning"
    summary = "groups that never overlap"
    bad = "design: {schedule: {kind: sequential, inverse_softness: 0.9}}"
    good = "design: {schedule: {kind: sequential, inverse_softness: 0.7}}"
    source = "GUD (arXiv:2410.02667), eq. (22)"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule = document.experiment.design.schedule
        if not isinstance(schedule, SequentialSchedule):
            return
        low, high = bounds(schedule.inverse_softness)
        if high < 2 / 3:  # at least three groups make a hierarchy
            return
        seen = look(document)
        windows = getattr(seen.sketch, "windows", None)
        if windows is None:
            return
        import numpy as np

        groups = len(np.unique(np.asarray(windows(seen.corners[0])[0]).round(9)))
        if groups > 2 and high >= (groups - 1) / groups and list(FewSteps().check(document)) == []:
            reached = "is" if low == high else "reaches"
            message = (
                f"`inverse_softness` {reached} {high:g}: from {(groups - 1) / groups:.3g} on, no two of the {groups} "
                "groups overlap, and the model is autoregressive"
            )
            yield Finding(message, (*_SCHEDULE, "inverse_softness"))

    def applies(self, document: Document) -> bool:
        schedule = document.experiment.design.schedule
        return isinstance(schedule, SequentialSchedule) and bounds(schedule.inverse_softness)[1] >= 2 / 3


class NotGone(PathRule):
    """At its turning point a Haar level has gone: it must be as good as prior noise, so that dropping it loses nothing.

    γ there is the shared γ − 2 log `residual`. Below γ = 3 more than 5 % of the level's variance is left, which the
    network goes on to see where the published process has dropped it.
    """

    code = "GUD248"
    severity = "warning"
    summary = "a level that is dropped before it has gone"
    bad = """\
design:
  basis: {kind: haar}
  schedule: {kind: dvdp, turning: [0.5], residual: 0.5, base: {kind: linear, gamma: {min: -9, max: 5}}}"""
    good = """\
design:
  basis: {kind: haar}
  schedule: {kind: dvdp, turning: [0.5], residual: 1e-3, base: {kind: linear, gamma: {min: -9, max: 5}}}"""
    source = "Dimensionality-Varying Diffusion Process (arXiv:2211.16032), §3"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        schedule = seen.schedule
        if not isinstance(schedule, DvdpSchedule | FdmSchedule | SubspaceSchedule):
            return
        values = seen.gamma(schedule.turning)
        if values is None:
            return
        for level, time in enumerate(schedule.turning):
            gamma = float(values[:, level, level].min())
            if gamma < _GONE:
                kept = 100 / (1 + math.exp(gamma))
                message = (
                    f"at its turning point t = {time:g} level {level + 1}, from the finest, is at γ = {gamma:.3g} and "
                    f"keeps {kept:.0f} % of its variance: lower `residual` ({schedule.residual:g})"
                )
                yield Finding(message, (*_SCHEDULE, "residual"))
                return

    def applies(self, document: Document) -> bool:
        return isinstance(document.experiment.design.schedule, DvdpSchedule | FdmSchedule | SubspaceSchedule)


class CutoffBeyond(PathRule):
    """Frequencies count as at least the cutoff: above the largest |k| there is, all of them count as one.

    The power law is then flat, the isotropic prior, and the renormalization group has no scales to integrate out. |k|
    of an H × W image ends at √(H² + W²)/2 cycles.
    """

    evaluates = "design"
    code = "GUD250"
    severity = "warning"
    summary = "a cutoff above all frequencies"
    bad = "design: {basis: {kind: fourier}, prior: {kind: power_law, cutoff: 10.0}}"
    good = "design: {basis: {kind: fourier}, prior: {kind: power_law, cutoff: 1.0}}"
    source = "GUD (arXiv:2410.02667), §3.2"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        found: list[tuple[float, Path, str]] = []
        if isinstance(prior := document.experiment.design.prior, PowerLawPrior) and prior.exponent > 0:
            found.append((prior.cutoff, ("design", "prior", "cutoff"), "the prior is isotropic"))
        if isinstance(seen.schedule, RgCutoffSchedule):
            found.append((seen.schedule.smallest, (*_SCHEDULE, "smallest"), "the path has no scales"))
        if not found or seen.design is None or seen.design.layout.frequencies is None:
            return
        largest = float(seen.design.layout.frequencies.max())
        for cutoff, path, effect in found:
            if cutoff >= largest:
                yield Finding(f"no |k| is above {cutoff:g}; the largest is {largest:.3g}: {effect}", path)

    def applies(self, document: Document) -> bool:
        design = document.experiment.design
        return isinstance(design.prior, PowerLawPrior) or isinstance(design.schedule, RgCutoffSchedule)


class FlatPowerLaw(Rule):
    """An exponent of 0 is a power law in name only: S is the same for every component."""

    code = "GUD251"
    severity = "warning"
    summary = "a power law that is flat"
    bad = "design: {basis: {kind: fourier}, prior: {kind: power_law, exponent: 0.0}}"
    good = "design: {basis: {kind: fourier}, prior: {kind: power_law, exponent: 1.0}}"

    def check(self, document: Document) -> Iterator[Finding]:
        prior = document.experiment.design.prior
        if isinstance(prior, PowerLawPrior) and prior.exponent == 0:
            message = "the exponent 0 makes the prior isotropic: say `kind: isotropic` if that is meant"
            yield Finding(message, ("design", "prior", "exponent"))


RULES: tuple[type[Rule], ...] = (
    FewSteps,
    NeverNoised,
    Idle,
    OneGroup,
    Autoregressive,
    NotGone,
    CutoffBeyond,
    FlatPowerLaw,
)
