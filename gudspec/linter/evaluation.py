"""Rules about what is measured and drawn."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import AnyEvaluation, Linspace, Sample, expand
from gudspec.spec.parameters import parameters
from gudspec.spec.sources import levels, validates
from gudspec.spec.tree import Path
from gudspec.spec.validate import closest

__all__ = ["RULES", "largest_at"]


def largest_at(experiment: Experiment, entry: AnyEvaluation | Sample) -> dict[str, float]:
    """The largest value of every parameter at which an entry is measured, by the path's name for it.

    Values that the schedule does not allow count as its nominal ones: they are reported by themselves.
    """
    largest = {name: found.value for name, found in parameters(experiment).items()}
    for name, values in entry.at.items():
        if name in largest and not _impossible(experiment, name, expand(values)):
            largest[name] = max(expand(values), default=largest[name])
    return {name.removeprefix("design.schedule."): value for name, value in largest.items()}


def _asked(experiment: Experiment) -> Iterator[tuple[str, tuple[float, ...], Path]]:
    """Every (parameter, values, path in the spec) of the `at` of evaluations and samples."""
    for section in ("evaluate", "sample"):
        for index, entry in enumerate(getattr(experiment, section)):
            for name, values in entry.at.items():
                yield name, expand(values), (section, index, "at", name)


class Dequantized(Rule):
    """A density says nothing about integers: quantized pixels need noise before a likelihood means anything.

    Without dequantization the data lies on a grid of measure zero, on which a density can grow without bound.
    """

    code = "GUD220"
    summary = "likelihood of data that is not dequantized"
    bad = "{data: {dequantize: none}, evaluate: [{name: nll, kind: likelihood}]}"
    good = "{data: {dequantize: uniform}, evaluate: [{name: nll, kind: likelihood}]}"
    source = "A note on the evaluation of generative models (arXiv:1511.01844), §3.1"

    def check(self, document: Document) -> Iterator[Finding]:
        data, evaluations = document.experiment.data, document.experiment.evaluate
        if data.dequantize == "none" and levels(data.source) is not None and evaluations:
            names = ", ".join(f"`{entry.name}`" for entry in evaluations)
            message = f"likelihoods of quantized pixels mean nothing without dequantization; asked for by {names}"
            yield Finding(message, ("data", "dequantize"), suggestion="uniform")


class AtUnknown(Rule):
    """`at` sets parameters of the schedule, by dotted path from the root of the spec.

    Anything else would need another training run.
    """

    code = "GUD221"
    summary = "`at` names what is not a schedule parameter"
    bad = "sample: [{name: grid, at: {design.schedule.softness: 0.5}}]"
    good = (
        "{design: {schedule: {kind: soft_linear}}, sample: [{name: grid, at: {design.schedule.inverse_softness: 1.0}}]}"
    )

    def check(self, document: Document) -> Iterator[Finding]:
        known = parameters(document.experiment)
        for name, _, path in _asked(document.experiment):
            if name not in known:
                listed = ", ".join(known) or f"the {document.experiment.design.schedule.kind} schedule has none"
                yield Finding(
                    f"`{name}` is not a parameter of the schedule",
                    path,
                    key=True,
                    suggestion=closest(name, known),
                    notes=(f"parameters: {listed}",),
                )


class AtUntrained(Rule):
    """The network knows the noising states of the paths that it was trained on.

    Outside the trained range of a parameter it extrapolates, and neither likelihoods nor samples can be trusted. Train
    over a wider range `{low, high, value}`.
    """

    code = "GUD222"
    severity = "warning"
    summary = "evaluation outside the trained range"
    bad = """\
design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.4, high: 1.6, value: 1.0}}}
sample: [{name: grid, at: {design.schedule.inverse_softness: 2.0}}]"""
    good = """\
design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.4, high: 1.6, value: 1.0}}}
sample: [{name: grid, at: {design.schedule.inverse_softness: 1.5}}]"""
    source = "GUD (arXiv:2410.02667), §4.5 and App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        known = parameters(document.experiment)
        for name, values, path in _asked(document.experiment):
            if name not in known or _impossible(document.experiment, name, values):
                continue
            low, high, _ = known[name]
            slack = 1e-9 * max(1.0, abs(low), abs(high))  # linspace may miss its last value by a rounding error
            outside = [value for value in values if not low - slack <= value <= high + slack]
            if outside:
                trained = f"over [{low:g}, {high:g}]" if low < high else f"at {low:g} alone"
                listed = ", ".join(f"{value:g}" for value in outside[:5]) + (", …" if len(outside) > 5 else "")
                yield Finding(f"`{name}` is asked at {listed}, but it is trained {trained}", path)


class AtImpossible(Rule):
    """Values in `at` must be possible for the schedule, as they would have to be if the spec had fixed them.

    The inverse softness of a sequential schedule, for example, must stay below 1.
    """

    code = "GUD223"
    summary = "evaluation where the schedule does not exist"
    bad = """\
design: {schedule: {kind: sequential}}
sample: [{name: grid, at: {design.schedule.inverse_softness: [0.5, 1.0]}}]"""
    good = """\
design: {schedule: {kind: sequential}}
sample: [{name: grid, at: {design.schedule.inverse_softness: 0.5}}]"""
    source = "GUD (arXiv:2410.02667), eq. (22) and §5.3"

    def check(self, document: Document) -> Iterator[Finding]:
        known = parameters(document.experiment)
        for name, values, path in _asked(document.experiment):
            if name in known and (reason := _impossible(document.experiment, name, values)):
                yield Finding(reason, path)


def _impossible(experiment: Experiment, name: str, values: tuple[float, ...]) -> str | None:
    """Why one of the values cannot be: the schedule's own validation is asked."""
    schedule = experiment.design.schedule
    for value in values:
        fields: dict[str, Any] = schedule.model_dump()
        *outer, last = name.split(".")[2:]
        inner = fields
        for key in outer:
            inner = inner[key]
        inner[last] = value
        try:
            type(schedule).model_validate(fields)
        except ValidationError as error:
            return error.errors(include_url=False, include_input=False)[0]["msg"]
    return None


class Validation(Rule):
    """Without a validation split there are no images to evaluate on.

    PCam publishes one; of other sources `data.validation` holds out a fraction of the training images.
    """

    code = "GUD224"
    summary = "evaluation on a validation split that is empty"
    bad = "evaluate: [{name: nll, kind: bound, split: validation}]"
    good = "{data: {validation: 0.1}, evaluate: [{name: nll, kind: bound, split: validation}]}"

    def check(self, document: Document) -> Iterator[Finding]:
        data = document.experiment.data
        if data.validation or validates(data.source):
            return
        for index, entry in enumerate(document.experiment.evaluate):
            if entry.split == "validation":
                message = "there is no validation split: set `data.validation` to the fraction to hold out"
                yield Finding(message, ("evaluate", index, "split"))


class AtTwice(Rule):
    """Each value of `at` is an evaluation of its own; the same value twice is the same number, at twice the cost."""

    code = "GUD233"
    severity = "warning"
    summary = "a value of `at` that is given twice"
    bad = """\
design: {schedule: {kind: sequential, inverse_softness: {low: 0.4, high: 0.6, value: 0.5}}}
sample: [{name: grid, at: {design.schedule.inverse_softness: [0.5, 0.5]}}]"""
    good = """\
design: {schedule: {kind: sequential, inverse_softness: {low: 0.4, high: 0.6, value: 0.5}}}
sample: [{name: grid, at: {design.schedule.inverse_softness: [0.5, 0.6]}}]"""

    def check(self, document: Document) -> Iterator[Finding]:
        experiment = document.experiment
        known = parameters(experiment)
        for section in ("evaluate", "sample"):
            for index, entry in enumerate(getattr(experiment, section)):
                for name, given in entry.at.items():
                    values = expand(given)
                    paired = entry.zip and len(entry.at) > 1
                    if paired or name not in known or _impossible(experiment, name, values):
                        continue
                    if twice := sorted((value, times) for value, times in Counter(values).items() if times > 1):
                        often = f"{twice[0][0]:g} is asked for {twice[0][1]} times"
                        path: Path = (section, index, "at", name)
                        yield Finding(often, (*path, "linspace") if isinstance(given, Linspace) else path)


RULES: tuple[type[Rule], ...] = (Dequantized, AtUnknown, AtUntrained, AtImpossible, Validation, AtTwice)
