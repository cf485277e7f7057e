"""Rules about the loss: what it weighs, and whether the network ever sees the states that it is used at."""

from collections.abc import Iterator

from gudspec.linter.look import look
from gudspec.linter.rule import Finding, PathRule, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.experiment import denoising
from gudspec.spec.models.measures import AnyMeasure, Independent, LogNormal, Masked, MeasureMixture, OnPath
from gudspec.spec.tree import Path, find

__all__ = ["RULES"]

_MEASURE: Path = ("objective", "measure")
_DEVIATIONS = 4.0
"""Deviations of a normal distribution beyond which a network sees nothing: one state in 16,000."""
_COVERED = 0.75
"""Share of the path's γ that training has to cover."""
_SPREAD = 1.0
"""Difference of γ between components that a network notices."""
_STEEP = 5.0
"""|γ| at which a weight e^|γ| is 150 times that of the middle of the path."""
_CLEAN = -10.0
"""γ below which held components are as good as clean."""


def _parts(measure: AnyMeasure) -> Iterator[tuple[AnyMeasure, Path]]:
    """The measure, or the parts of a mixture, with their places."""
    if isinstance(measure, MeasureMixture):
        for index, part in enumerate(measure.measures):
            yield part, (*_MEASURE, "measures", index)
    else:
        yield measure, _MEASURE


class Uncovered(PathRule):
    """Sampling and likelihood follow the path, whatever the measure: the network must have been trained there.

    The log-normal measure draws log(σ/α) ~ N(mean, deviation²). Where the path goes beyond four deviations from the
    mean, the network extrapolates. EDM's own numbers are made for σ from 0.002 to 80.
    """

    code = "GUD260"
    severity = "warning"
    summary = "the measure misses much of the path"
    bad = """\
design: {schedule: {kind: edm}}
objective: {measure: {kind: lognormal, mean: 3.0, deviation: 0.5}}"""
    good = """\
design: {schedule: {kind: edm}}
objective: {measure: {kind: lognormal, mean: -1.2, deviation: 1.2}}"""
    source = "EDM (arXiv:2206.00364), Table 1"

    def check(self, document: Document) -> Iterator[Finding]:
        measures = list(_parts(denoising(document.experiment).measure))
        if not all(isinstance(measure, LogNormal) for measure, _ in measures):
            return
        span = look(document).span
        if span is None or list(OneLevel().check(document)):
            return
        low, high = span
        covered = 0.0
        for measure, _ in measures:
            assert isinstance(measure, LogNormal)
            reach = _DEVIATIONS * measure.deviation
            first, last = 2 * (measure.mean - reach), 2 * (measure.mean + reach)
            covered = max(covered, (min(high, last) - max(low, first)) / max(high - low, 1e-9))
        if covered < _COVERED:
            message = (
                f"the path runs from γ = {low:.3g} to {high:.3g}, of which this measure sees "
                f"{100 * max(covered, 0):.0f} %: the network is used where it was never trained"
            )
            yield Finding(message, (*_MEASURE, "mean") if len(measures) == 1 else _MEASURE)

    def applies(self, document: Document) -> bool:
        return isinstance(denoising(document.experiment).measure, LogNormal)


class OneLevel(PathRule):
    """The log-normal measure gives all components one noise level, as every image has in EDM.

    A path whose components differ, by order, level or softness, goes through states that such a training never shows.
    Train on the path, with `independent` levels, or mix one of the two in.
    """

    evaluates = "sketch"
    code = "GUD261"
    severity = "warning"
    summary = "a shared noise level for a path of many"
    bad = """\
design: {schedule: {kind: sequential, gamma: {min: -9, max: 5}}}
objective: {measure: {kind: lognormal}}"""
    good = """\
design: {schedule: {kind: sequential, gamma: {min: -9, max: 5}}}
objective: {measure: {kind: independent}}"""
    source = "GUD (arXiv:2410.02667), §4.5; EDM (arXiv:2206.00364), Table 1"

    def check(self, document: Document) -> Iterator[Finding]:
        measures = list(_parts(denoising(document.experiment).measure))
        if not all(isinstance(measure, LogNormal) for measure, _ in measures):
            return
        seen = look(document)
        if (path := seen.sketch) is None or path.groups.count == 1:
            return
        import numpy as np

        with np.errstate(all="ignore"):
            spread = max(float(np.ptp(path.gamma(np.linspace(0, 1, 17), at), axis=1).max()) for at in seen.corners)
        if spread > _SPREAD:
            message = (
                f"components of this path are up to {spread:.3g} apart in γ, but `lognormal` trains them at one level: "
                "the network never sees the states that it samples from"
            )
            yield Finding(message, (*measures[0][1], "kind"))

    def applies(self, document: Document) -> bool:
        return isinstance(denoising(document.experiment).measure, LogNormal)


class NoBound(Rule):
    """With λ = ½β the loss along a path is its variational bound, an integral over the states of that path.

    States at independent levels, or with some groups held, are on no path: their weighted loss bounds nothing, and a
    lower value of it promises no better likelihood.
    """

    code = "GUD262"
    severity = "warning"
    summary = "a likelihood weight off the path"
    bad = "{design: {schedule: {kind: sequential}}, objective: {weight: likelihood, measure: {kind: independent}}}"
    good = "{design: {schedule: {kind: sequential}}, objective: {weight: likelihood, measure: {kind: path}}}"
    source = "Variational Diffusion Models (arXiv:2107.00630), eq. (17)"

    def check(self, document: Document) -> Iterator[Finding]:
        objective = denoising(document.experiment)
        kinds = [one.kind for one, _ in _parts(objective.measure) if isinstance(one, Independent | Masked)]
        if objective.weight != "likelihood" or not kinds:
            return
        if not list(OneToMask().check(document)) and not list(LearnedLoss().check(document)):
            message = f"`likelihood` weighs the states of a path, but those of `{kinds[0]}` are on none: it is no bound"
            yield Finding(message, ("objective", "weight"))


class NoTimes(Rule):
    """`low_discrepancy` spreads the times of a batch; measures that draw no times pay no attention to it."""

    code = "GUD263"
    severity = "warning"
    summary = "times of a measure that has none"
    bad = """\
design: {schedule: {kind: edm}}
objective: {time: low_discrepancy, measure: {kind: lognormal}}"""
    good = "{design: {schedule: {kind: edm}}, objective: {time: low_discrepancy, measure: {kind: path}}}"
    source = "Variational Diffusion Models (arXiv:2107.00630), App. I.1"

    def check(self, document: Document) -> Iterator[Finding]:
        objective = denoising(document.experiment)
        timed = any(isinstance(one, OnPath | Masked) for one, _ in _parts(objective.measure))
        if objective.time == "low_discrepancy" and not timed:
            message = f"`{objective.measure.kind}` draws noise levels, not times: `low_discrepancy` has no effect"
            yield Finding(message, ("objective", "time"), suggestion="uniform", certain=True)


class OneToMask(PathRule):
    """Independent levels and masks act on the groups of the schedule: a scalar schedule has but one.

    `independent` is then uniform in γ for the whole image. `masked` holds the whole image clean in a share of the
    examples, from which nothing is learned.
    """

    evaluates = "design"
    code = "GUD264"
    severity = "warning"
    summary = "independent or masked groups of a path that has one"
    bad = "{design: {schedule: {kind: edm}}, objective: {measure: {kind: masked}}}"
    good = "{design: {schedule: {kind: sequential}}, objective: {measure: {kind: masked}}}"
    source = "Diffusion Forcing (arXiv:2407.01392)"

    def check(self, document: Document) -> Iterator[Finding]:
        found = [one for one in _parts(denoising(document.experiment).measure) if _by_groups(one[0])]
        if found and (seen := look(document)).design is not None and seen.design.groups.count == 1:
            measure, path = found[0]
            message = f"`{measure.kind}` acts on groups, but all components of this schedule share one"
            yield Finding(message, (*path, "kind"))

    def applies(self, document: Document) -> bool:
        return denoising(document.experiment).measure.kind in ("independent", "masked", "mixture")


def _by_groups(measure: AnyMeasure) -> bool:
    return isinstance(measure, Independent) or (isinstance(measure, Masked) and measure.by == "groups")


class HeldNoisy(Rule):
    """What is known is given to the network clean. At γ = −7 its noise moves the mean of what is generated by 1 %."""

    code = "GUD265"
    severity = "warning"
    summary = "held components that are not clean"
    bad = "{design: {schedule: {kind: sequential}}, objective: {measure: {kind: masked, clean: -5.0}}}"
    good = "{design: {schedule: {kind: sequential}}, objective: {measure: {kind: masked, clean: -14.0}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        for measure, path in _parts(denoising(document.experiment).measure):
            if isinstance(measure, Masked) and measure.clean > _CLEAN:
                message = f"known groups held at γ = {measure.clean:g} carry noise: stay below {_CLEAN:g}"
                yield Finding(message, (*path, "clean"))


class SteepWeight(PathRule):
    """An error of ε̂ is one of x̂ times σ/α, which grows without bound towards the prior.

    The weights `x` and `v` measure the error of x and of v: e^γ and 1 + e^γ times that of ε. A network that predicts ε
    then learns little but the last stretch of the path, where it only copies its input. Predict what is weighed.
    """

    code = "GUD266"
    severity = "warning"
    summary = "the error of x or v with a network that predicts ε"
    bad = "{design: {schedule: {kind: edm}}, objective: {prediction: epsilon, weight: x}}"
    good = "{design: {schedule: {kind: edm}}, objective: {prediction: x, weight: x}}"
    source = "Progressive Distillation (arXiv:2202.00512), §4; EDM (arXiv:2206.00364), §5"

    def check(self, document: Document) -> Iterator[Finding]:
        objective = denoising(document.experiment)
        if objective.prediction != "epsilon" or objective.weight not in ("x", "v"):
            return
        span = look(document).span
        if span and _STEEP < (high := span[1]) < 85:
            message = (
                f"the weight `{objective.weight}` is e^{high:.3g} times that of ε at t = 1, where a network that "
                "predicts ε has nothing to learn"
            )
            yield Finding(message, ("objective", "weight"), suggestion="uniform")

    def applies(self, document: Document) -> bool:
        objective = denoising(document.experiment)
        return objective.prediction == "epsilon" and objective.weight in ("x", "v")


class SteepPrediction(PathRule):
    """An error of x̂ is one of ε̂ times α/σ, which grows without bound towards the data.

    With the weight `uniform`, the error of ε, a network that predicts x is punished e^(−γ) times at the start of the
    path: it learns to denoise what is hardly noisy, and not what makes an image. Take the weight `x` or `v`.
    """

    code = "GUD267"
    severity = "warning"
    summary = "the error of ε with a network that predicts x"
    bad = "{design: {schedule: {kind: edm}}, objective: {prediction: x, weight: uniform}}"
    good = "{design: {schedule: {kind: edm}}, objective: {prediction: x, weight: v}}"
    source = "Progressive Distillation (arXiv:2202.00512), §4"

    def check(self, document: Document) -> Iterator[Finding]:
        objective = denoising(document.experiment)
        if objective.prediction != "x" or objective.weight != "uniform":
            return
        span = look(document).span
        if span and (low := span[0]) < -_STEEP:
            message = (
                f"the weight `uniform`, the error of ε, is e^{-low:.3g} times that of x at t = 0, and a network that "
                "predicts x learns little else"
            )
            written = find(document.tree, ("objective", "weight")) is not None
            yield Finding(message, ("objective", "weight" if written else "prediction"))

    def applies(self, document: Document) -> bool:
        objective = denoising(document.experiment)
        return objective.prediction == "x" and objective.weight == "uniform"


class LearnedLoss(Rule):
    """A path that is learned goes where the loss is smallest.

    The bound, λ = ½β on the path, is an integral whose value tells one path from another. Of any other loss the path
    only learns to avoid the noise levels at which it is large, and leaves the network untrained there.
    """

    code = "GUD268"
    summary = "a path learned by a loss that is no bound"
    bad = "{design: {schedule: {kind: learned}}, objective: {weight: uniform}}"
    good = "{design: {schedule: {kind: learned}}, objective: {weight: likelihood}}"
    source = "GUD (arXiv:2410.02667), §4.4; Variational Diffusion Models (arXiv:2107.00630), App. D"

    def check(self, document: Document) -> Iterator[Finding]:
        objective, kind = denoising(document.experiment), document.experiment.design.schedule.kind
        if kind != "learned":
            return
        if objective.weight != "likelihood":
            message = f"a path learned by the weight `{objective.weight}` flees the noise that is hard to remove"
            yield Finding(message, ("objective", "weight"), suggestion="likelihood")
        elif any(not isinstance(measure, OnPath) for measure, _ in _parts(objective.measure)):
            message = f"`{objective.measure.kind}` leaves the path, of which only the loss on it is the bound"
            yield Finding(message, (*_MEASURE, "kind"))


RULES: tuple[type[Rule], ...] = (
    LearnedLoss,
    Uncovered,
    OneLevel,
    NoBound,
    NoTimes,
    OneToMask,
    HeldNoisy,
    SteepWeight,
    SteepPrediction,
)
