"""A rule about the region of noising states that a network is trained on: what is drawn must stay inside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from gudspec.linter.look import Look, look
from gudspec.linter.rule import Finding, PathRule
from gudspec.linter.tasks import HOLDING, content, fitting, follows
from gudspec.spec.load import Document
from gudspec.spec.models import measures as spec
from gudspec.spec.models.experiment import backbone, denoising
from gudspec.spec.models.schedules import AnySchedule
from gudspec.spec.models.tasks import AnyTask
from gudspec.spec.parameters import Bounds, parameters, parameters_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RULES"]

_NEAR = 1.0
"""Distance in γ, a factor e of the noise's variance, over which a network may be trusted to interpolate."""
_FAR = 5.0
"""Deviations of a lognormal measure that count as trained: EDM itself samples at 4.7 (arXiv:2206.00364, Table 1)."""
_STEPS, _TIMES, _VALUES, _TOKENS = 25, 257, 9, 128
"""Times of the path that is asked for, times and values of every parameter of the one that is trained, and tokens of
the network at which they are compared, at most."""


class OutsideRegion(PathRule):
    """A network knows the noising states that it was trained on, and extrapolates to all others.

    The measure `path` trains on the states of the design's path, over the ranges of its parameters; `lognormal` on one
    level for all components; `independent` on all combinations of the levels of the schedule's groups, between the ends
    of their paths; `masked` also on those in which parts by its `by` are held at γ = `clean`. The path of a sample, and
    what a task holds, have to stay inside. Less than 1 in γ is near enough: a factor e in the variance of the noise.
    """

    code = "GUD277"
    severity = "warning"
    summary = "noising states that the network was not trained on"
    bad = """\
design: {schedule: {kind: sequential, inverse_softness: 0.3, gamma: {min: -9, max: 5}}}
sample: [{name: hard, path: {kind: sequential, inverse_softness: 0.7}}]"""
    good = """\
design: {schedule: {kind: sequential, inverse_softness: {low: 0.3, high: 0.7, value: 0.3}, gamma: {min: -9, max: 5}}}
sample: [{name: hard, path: {kind: sequential, inverse_softness: 0.7}}]"""
    source = "GUD (arXiv:2410.02667), §4.5"

    def check(self, document: Document) -> Iterator[Finding]:
        if not self.applies(document) or look(document).path is None:
            return
        fit = list(fitting(document.experiment))
        asked = [(("evaluate", index), entry) for index, entry in enumerate(document.experiment.evaluate)]
        for place, entry in [*asked, *((("sample", index), entry) for index, entry, _ in fit)]:
            schedule = entry.schedule
            if schedule is None or schedule.kind == "learned" or not follows(document, entry):
                continue
            distance = _distance(document, schedule)
            if distance is not None and distance > _NEAR:
                message = (
                    f"this {schedule.kind} path goes up to {distance:.1f} in γ beyond the noising states that the "
                    "network is trained on"
                )
                note = _remedy(document, schedule)
                yield Finding(message, (*place, "path", "kind"), notes=(note,))
        for index, _, task in fit:
            if isinstance(task, HOLDING) and (reason := _unheld(document, task)):
                yield Finding(reason, ("sample", index, "task", "kind"))

    def applies(self, document: Document) -> bool:
        experiment = document.experiment
        followed = any(entry.schedule is not None for entry in (*experiment.evaluate, *experiment.sample))
        asked = followed or any(isinstance(entry.task, HOLDING) for entry in experiment.sample)
        return asked and experiment.design.schedule.kind != "learned"  # where that one goes, training decides


def _measures(document: Document) -> tuple[spec.AnySimpleMeasure, ...]:
    measure = denoising(document.experiment).measure
    return measure.measures if isinstance(measure, spec.MeasureMixture) else (measure,)


def _distance(document: Document, schedule: AnySchedule) -> float | None:
    """How far a path goes from the trained states: the farthest of its states, each to the nearest by its worst token.

    None where it depends on statistics that are not known.
    """
    import numpy as np

    seen = look(document)
    design, path = seen.design, seen.path
    assert design is not None
    assert path is not None
    along = design.along(schedule)
    changed = document.experiment.model_copy(update={"design": along.spec})
    asked = along.path(seen.statistics) if seen.statistics else Look(replace(document, experiment=changed)).path
    if asked is None:
        return None
    tokens = design.partition(backbone(document.experiment).conditioning)
    few = np.unique(np.linspace(0, tokens.count - 1, _TOKENS).astype(int))
    groups = path.groups.index.ravel()[tokens.representative[few]]
    own = {name.removeprefix("design.schedule."): found.value for name, found in parameters_of(schedule).items()}
    with np.errstate(all="ignore"):
        states = asked.groups.spread(asked.gamma(np.linspace(0, 1, _STEPS), own), tokens)[:, few]
        nearest = [_one(document, measure, states, groups, own) for measure in _measures(document)]
    farthest = float(np.min(nearest, axis=0).max())
    return farthest if np.isfinite(farthest) else None


def _one(
    document: Document, measure: spec.AnySimpleMeasure, states: np.ndarray, groups: np.ndarray, own: dict[str, float]
) -> np.ndarray:
    """Distances of states [T, n] from those of one measure, [T].

    Args:
        document: the spec.
        measure: the measure.
        states: γ at some tokens.
        groups: the group of each of these tokens on the path of the design, [n].
        own: parameters of the path that is asked for.
    """
    import numpy as np

    if isinstance(measure, spec.LogNormal):
        middle = (states.max(axis=1) + states.min(axis=1)) / 2
        reach = _FAR * measure.deviation
        level = np.clip(middle, 2 * (measure.mean - reach), 2 * (measure.mean + reach))
        lone: np.ndarray = np.abs(states - level[:, None]).max(axis=1)
        return lone
    path = look(document).path
    assert path is not None
    corners = _corners(document, own)
    if isinstance(measure, spec.Independent):
        ends = np.stack([path.gamma(np.array([0.0, 1.0]), at) for at in corners])
        low, high = ends[:, 0].min(axis=0)[groups], ends[:, 1].max(axis=0)[groups]
        beyond = np.maximum(np.maximum(low - states, states - high), 0).max(axis=1)
        # the groups of the design have one level each
        apart = [np.ptp(states[:, groups == group], axis=1) / 2 for group in np.unique(groups)]
        free: np.ndarray = np.maximum(beyond, np.max(apart, axis=0))
        return free
    times = np.linspace(0, 1, _TIMES)
    clean = np.full(states.shape, False)
    if isinstance(measure, spec.Masked):
        clean = np.abs(states - measure.clean) <= _NEAR
    best = np.full(len(states), np.inf)
    for at in corners:
        trained = np.broadcast_to(path.gamma(times, at), (_TIMES, path.groups.count))[:, groups]
        for row, state in enumerate(states):
            apart_by = np.where(clean[row], 0.0, np.abs(trained - state)).max(axis=1)
            best[row] = min(best[row], apart_by.min())
    return best


def _corners(document: Document, own: dict[str, float]) -> list[dict[str, float]]:
    """Parameters over their trained ranges; those of a path that is asked for are among them."""
    import numpy as np

    def values(name: str, bounds: Bounds) -> list[float]:
        inside = [own[name]] if name in own and bounds.low <= own[name] <= bounds.high else []
        return sorted({*inside, *np.linspace(bounds.low, bounds.high, _VALUES).tolist()})

    found = {name.removeprefix("design.schedule."): b for name, b in parameters(document.experiment).items()}
    every = itertools.product(*(values(name, bounds) for name, bounds in found.items()))
    return [dict(zip(found, one, strict=True)) for one in every]


def _remedy(document: Document, schedule: AnySchedule) -> str:
    """Which field of the training would allow a path."""
    experiment = document.experiment
    if schedule.kind == experiment.design.schedule.kind:
        for name, asked in parameters_of(schedule).items():
            trained = parameters(experiment)[name]
            if not trained.low <= asked.value <= trained.high:
                low, high = min(trained.low, asked.value), max(trained.high, asked.value)
                return f"train over it: `{name}: {{low: {low:g}, high: {high:g}, value: {trained.value:g}}}`"
    free = experiment.model_copy(
        update={"objective": denoising(experiment).model_copy(update={"measure": spec.Independent(kind="independent")})}
    )
    distance = _distance(replace(document, experiment=free), schedule)
    if distance is not None and distance <= _NEAR:
        return "`objective.measure: {kind: independent}` trains on every path between the ends of the design's"
    return "train on it: as `design.schedule`, or with ends (`design.schedule.gamma`) between which it lies"


def _unheld(document: Document, task: AnyTask) -> str | None:
    """Why training has not held what a task holds; None where it has, or where another rule says so."""
    from gudspec.process.groups import Groups
    from gudspec.program.known import CLEAN, known_components

    seen, measures = look(document), _measures(document)
    assert seen.design is not None
    mask = content(task, seen.design.shape)
    if mask is None or not any(isinstance(measure, spec.Masked | spec.Independent) for measure in measures):
        return None
    known = known_components(task, seen.design.layout, mask)
    assert known is not None
    parts = Groups.of(known.astype(int))
    masked = [measure for measure in measures if isinstance(measure, spec.Masked)]
    clean = min((measure.clean for measure in masked), default=CLEAN)
    if any(seen.design.partition(one.by).refines(parts) and one.clean <= clean + _NEAR for one in masked):
        return None
    by = {"inpaint": "pixels", "upscale": "levels", "colorize": "colors"}[task.kind]
    instead = f"train with `objective.measure: {{kind: masked, by: {by}}}`"
    if any(isinstance(measure, spec.Independent) for measure in measures) and seen.design.groups.refines(parts):
        lowest = seen.gamma((0.0,))
        assert lowest is not None
        if lowest.min(axis=(0, 1)).max() <= clean + _NEAR:
            return None
        return (
            f"`{task.kind}` holds components at γ = {clean:g}, but training ends at {lowest.max():.1f}: {instead}, or "
            "lower `design.schedule.gamma.min`"
        )
    return f"what `{task.kind}` holds is not made of parts that training holds: {instead}"


RULES: tuple[type[PathRule], ...] = (OutsideRegion,)
