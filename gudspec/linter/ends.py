"""Rules about the ends of a path: where it starts, whether it reaches the prior, and what numbers can hold."""

import math
from collections.abc import Iterator

from gudspec.linter import fields
from gudspec.linter.look import look
from gudspec.linter.rule import Finding, PathRule, Rule, StatisticsRule
from gudspec.spec.load import Document
from gudspec.spec.models.experiment import denoising
from gudspec.spec.models.results import Bound
from gudspec.spec.models.schedules import SoftLinearSchedule
from gudspec.spec.tree import find

__all__ = ["RULES"]

_NOISE = 3.0
"""The smallest γ̃_noise of the paper's rule for (21)."""
_CLEAN = -4.0
"""γ at which the noise has 2 % of the variance, and 13 % of the deviation, of the signal."""
_GAP = 0.05
"""Bits/dim that an end may cost: the difference between published models."""
_ROUNDING = 2 * math.log(2.0**-24)
"""γ at which noise is as small as the rounding of float32."""
_SMALLEST = 170.0
"""α = e^(−γ/2) and σ = e^(γ/2) are numbers of float32 while |γ| is below this."""
_LARGEST = 85.0
"""e^γ is a number of float32 while γ is below this."""


class PriorReached(PathRule):
    """Sampling starts from pure noise, so the path must end there.

    At γ = 3 the data still has 5 % of the variance that it had. A path that stops earlier starts sampling in a
    distribution that the network has never seen, which shifts colours and contrast.
    """

    code = "GUD208"
    severity = "warning"
    summary = "the path stops short of the prior"
    bad = "design: {schedule: {kind: linear, gamma: {min: -9, max: 1}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    source = "GUD (arXiv:2410.02667), eq. (21)"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule = document.experiment.design.schedule
        gamma, path = fields.last(schedule)
        if gamma is None and path[-1] == "rate" and (values := look(document).gamma((1.0,))) is not None:
            gamma = float(values.min())
        if gamma is not None and gamma < _NOISE and not fields.frozen(schedule) and not _crossed(document):
            kept = 100 / (1 + math.exp(gamma))
            message = (
                f"the path ends at γ = {gamma:.3g}, where {kept:.0f} % of the data's variance is left; end at 3 or more"
            )
            yield Finding(message, path)

    def applies(self, document: Document) -> bool:
        return fields.last(document.experiment.design.schedule).path[-1] == "rate"


class StartsNoisy(PathRule):
    """Sampling ends where the path starts, at t = 0: the noise that is there is seen in every image.

    At γ = −4 the noise has an eighth of the signal's deviation. Likelihoods are those of the noisy image too.
    """

    code = "GUD219"
    severity = "warning"
    summary = "the path starts in visible noise"
    bad = "design: {schedule: {kind: linear, gamma: {min: -2, max: 5}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    source = "Variational Diffusion Models (arXiv:2107.00630), App. I"

    def check(self, document: Document) -> Iterator[Finding]:
        schedule = document.experiment.design.schedule
        gamma, path = fields.first(schedule)
        if gamma is None and path[-1] == "cutoff" and (values := look(document).gamma((0.0,))) is not None:
            gamma = float(values.max())
        if gamma is not None and gamma > _CLEAN and not fields.frozen(schedule) and not _crossed(document):
            share = 100 * math.exp(min(gamma, 20) / 2)
            message = (
                f"the path starts at γ = {gamma:.3g}: samples keep noise of {share:,.0f} % of the signal's deviation; "
                "start at −7 or less"
            )
            yield Finding(message, path)

    def applies(self, document: Document) -> bool:
        return fields.first(document.experiment.design.schedule).path[-1] == "cutoff"


class EndsCross(StatisticsRule):
    """An end of the path that the spec leaves to the data may lie beyond the one that it gives.

    γ would then fall: noise is taken away on the way to the prior, β = σ² dγ/dt is negative, and its root is not real.
    """

    code = "GUD259"
    summary = "an end that the data puts beyond the given one"
    bad = "design: {schedule: {kind: linear, gamma: {max: -12}}}"
    good = "design: {schedule: {kind: linear, gamma: {max: 5}}}"
    source = "GUD (arXiv:2410.02667), eqs. (14) and (16)"

    def check(self, document: Document) -> Iterator[Finding]:
        gamma = getattr(document.experiment.design.schedule, "gamma", None)
        if gamma is None or (gamma.min is None) == (gamma.max is None):
            return
        values = look(document).gamma((0.0, 1.0))
        if values is None or (values[:, 0] < values[:, 1]).any():
            return
        given, own = ("max", values[:, 0].max()) if gamma.min is None else ("min", values[:, 1].min())
        side, beyond = ("starts at", "above") if given == "max" else ("ends at", "below")
        message = (
            f"on this data the path {side} γ = {own:.3g}, {beyond} `{given}` ({getattr(gamma, given):g}): γ grows from "
            "data to noise"
        )
        yield Finding(message, ("design", "schedule", "gamma", given))

    def applies(self, document: Document) -> bool:
        gamma = getattr(document.experiment.design.schedule, "gamma", None)
        return gamma is not None and (gamma.min is None) != (gamma.max is None)


class PriorGap(StatisticsRule):
    """The process must end in the prior in every component, whatever the data's variance there.

    At t = 1 a component has the variance α²Σ + σ², where the prior has 1. What is left of the data costs
    ½ E[α²(χ² − 1) − log σ²] nats a component, a bound on the difference between the two. `sigma_min` of `soft_linear`
    is the paper's way to reach the prior in the weakest component too.
    """

    code = "GUD240"
    severity = "warning"
    summary = "some components do not reach the prior"
    bad = """\
design:
  prior: {kind: isotropic, scale: 0.05}
  schedule: {kind: linear, gamma: {min: -9, max: 4}}"""
    good = """\
design:
  prior: {kind: isotropic, scale: 1.0}
  schedule: {kind: linear, gamma: {min: -9, max: 4}}"""
    source = "GUD (arXiv:2410.02667), eq. (21); Variational Diffusion Models (arXiv:2107.00630), eq. (11)"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        end = fields.last(seen.schedule)
        if seen.process is None or (end.gamma is not None and end.gamma < _NOISE) or _without_variance(document):
            return
        import numpy as np

        values = seen.gamma((1.0,))
        assert values is not None
        variance, worst = seen.process.variance, 0.0
        for gamma in values:
            last = np.clip(seen.process.path.groups.expand(gamma), -_SMALLEST, _SMALLEST)
            alpha2 = 1 / (1 + np.exp(last))
            nats = 0.5 * (alpha2 * (variance - 1) + np.log1p(np.exp(-last)))
            worst = max(worst, float(nats.mean()) / math.log(2))
        if worst > _GAP:
            message = (
                f"at t = 1 the data is still {worst:.2g} bits/dim away from the prior: γ ends at {values.min():.3g}, "
                f"and in units of the prior variances run from {variance.min():.2g} to {variance.max():.2g}"
            )
            raised = isinstance(seen.schedule, SoftLinearSchedule) and seen.schedule.snr.sigma_min is None
            yield Finding(message, end.path, notes=("`sigma_min: 0.99` raises the end as far",) if raised else ())


class StartGap(StatisticsRule):
    """A likelihood is that of the state at t = 0, so noise that is there counts against it.

    A component of variance Σ started at γ costs the ODE ½ [log(1 + e^γ/Σ) − 1/(1 + Σe^−γ)] nats, and the bound
    ½ log(1 + e^γ/Σ), the slack of its Gaussian decoder. The variances are those of single components: where components
    are correlated the cost is larger.
    """

    code = "GUD241"
    severity = "warning"
    summary = "the start of the path costs likelihood"
    bad = """\
design: {basis: {kind: pca}, schedule: {kind: linear, gamma: {min: -4.5, max: 5}}}
evaluate: [{name: nll, kind: bound}]"""
    good = """\
design: {basis: {kind: pca}, schedule: {kind: linear, gamma: {min: -13.3, max: 5}}}
evaluate: [{name: nll, kind: bound}]"""
    source = "Variational Diffusion Models (arXiv:2107.00630), eq. (11)"

    def check(self, document: Document) -> Iterator[Finding]:
        seen, evaluations = look(document), document.experiment.evaluate
        start = fields.first(seen.schedule)
        if not evaluations or seen.process is None or _without_variance(document):
            return
        if start.gamma is not None and start.gamma > _CLEAN:
            return
        import numpy as np

        values = seen.gamma((0.0,))
        assert values is not None
        bound, exact = 0.0, 0.0
        for gamma in values:
            first = np.clip(seen.process.path.groups.expand(gamma), -_SMALLEST, _SMALLEST)
            noise = np.exp(first) / seen.process.variance
            decoder = np.log1p(noise)
            bound = max(bound, float(0.5 * decoder.mean()) / math.log(2))
            exact = max(exact, float(0.5 * (decoder - noise / (1 + noise)).mean()) / math.log(2))
        for entry in evaluations:
            if (cost := bound if isinstance(entry, Bound) else exact) > _GAP:
                message = f"the noise at t = 0 costs `{entry.name}` {cost:.2g} bits/dim or more: start at a lower γ"
                yield Finding(message, start.path)
                return

    def applies(self, document: Document) -> bool:
        return bool(document.experiment.evaluate)


class BeyondFloat(PathRule):
    """Programs compute in float32, whose numbers end at about e^±88.

    Beyond |γ| = 170 the coefficient α or σ is 0, and samplers divide by it. The weights `x` and `v` grow as e^γ, which
    is infinite from γ = 88 on. Steep orderings get there: a·(l_max − l_min) is added to the range of γ.
    """

    code = "GUD242"
    summary = "γ leaves the range of float32"
    bad = "design: {schedule: {kind: linear, gamma: {min: -9, max: 200}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -9, max: 9}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        seen, weight = look(document), denoising(document.experiment).weight
        if seen.span is None:
            if not seen.finite:
                message = "γ of this path is not a number: some values of the design are too large"
                yield Finding(message, ("design", "schedule"))
            return
        low, high = seen.span
        limit = _LARGEST if weight in ("x", "v") else _SMALLEST
        if high > limit:
            why = f"the weight `{weight}`, e^γ, is infinite" if high < _SMALLEST else "α = e^(−γ/2) is 0"
            message = f"γ reaches {high:.4g}, where {why} in float32: stay below {limit:g}"
            yield Finding(message, fields.last(seen.schedule).path)
        if low < -_SMALLEST:
            message = f"γ starts at {low:.4g}, where σ = e^(γ/2) is 0 in float32: stay above {-_SMALLEST:g}"
            yield Finding(message, fields.first(seen.schedule).path)


class BelowRounding(PathRule):
    """A network sees αχ + σε in float32, which keeps 24 bits.

    Below γ = −33 the noise is smaller than the rounding of the signal. The network cannot see it, the loss there is 1,
    and the path spends time, steps and likelihood probes on nothing. γ = −14 is below all visible noise.
    """

    code = "GUD243"
    severity = "warning"
    summary = "the path starts below the rounding of float32"
    bad = "design: {schedule: {kind: linear, gamma: {min: -60, max: 5}}}"
    good = "design: {schedule: {kind: linear, gamma: {min: -14, max: 5}}}"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        if seen.span and -_SMALLEST <= seen.span[0] < _ROUNDING and not _without_variance(document):
            message = (
                f"γ starts at {seen.span[0]:.4g}, where the noise is smaller than the rounding of float32 "
                f"(γ = {_ROUNDING:.0f}): no network can see it"
            )
            yield Finding(message, fields.first(seen.schedule).path)


class NoiseOverruled(StatisticsRule):
    """γ̃_noise is the larger of `noise` and logit(σ_min²) − min log Σ: a written `noise` may have no effect.

    With the variances of this data the second is larger, so the path ends elsewhere than `noise` says.
    """

    code = "GUD249"
    severity = "warning"
    summary = "`sigma_min` overrules `noise`"
    bad = "design: {basis: {kind: pca}, schedule: {kind: soft_linear, snr: {noise: 5, sigma_min: 0.99}}}"
    good = "design: {basis: {kind: pca}, schedule: {kind: soft_linear, snr: {noise: 5, sigma_min: null}}}"
    source = "GUD (arXiv:2410.02667), eq. (21)"

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        schedule = seen.schedule
        if not isinstance(schedule, SoftLinearSchedule) or seen.process is None or schedule.snr.sigma_min is None:
            return
        if _without_variance(document):
            return
        import numpy as np

        written = find(document.tree, ("design", "schedule", "snr", "noise"))
        square = schedule.snr.sigma_min**2
        rule = math.log(square / (1 - square)) - float(np.log(seen.process.variance.min()))
        # the paper's own 3 is meant as the rule's lower bound
        if written is not None and schedule.snr.noise != _NOISE and rule > schedule.snr.noise:
            message = (
                f"`noise: {schedule.snr.noise:g}` has no effect: `sigma_min` raises it to {rule:.3g} for the weakest "
                "component; leave one of the two out (`sigma_min: null`)"
            )
            yield Finding(message, ("design", "schedule", "snr", "noise"))

    def applies(self, document: Document) -> bool:
        schedule = document.experiment.design.schedule
        return (
            isinstance(schedule, SoftLinearSchedule)
            and schedule.snr.sigma_min is not None
            and schedule.snr.noise != _NOISE
        )


class NoVariance(StatisticsRule):
    """Components without variance, such as a border that is black in every image, have no −log Σ and no whitened scale.

    They are floored at 1e-10 of the largest variance. Whitening then divides by a number that means nothing, and an
    ordering by variance puts them 23 units behind all others.
    """

    code = "GUD256"
    severity = "warning"
    summary = "components without variance"
    bad = """\
data: {dequantize: none}
design: {prior: {kind: data_variance}, schedule: {kind: linear, gamma: {min: -13, max: 5}}}"""
    good = """\
data: {dequantize: uniform}
design: {prior: {kind: data_variance}, schedule: {kind: linear, gamma: {min: -13, max: 5}}}"""

    def check(self, document: Document) -> Iterator[Finding]:
        seen = look(document)
        if not self.applies(document) or seen.statistics is None or seen.design is None:
            return
        if count := seen.design.floored(seen.statistics.variance):
            message = (
                f"{count} of {seen.statistics.variance.size} components have no variance: their scale is arbitrary"
            )
            whitened = document.experiment.design.prior.kind == "data_variance"
            yield Finding(message, ("design", "prior", "kind") if whitened else ("design", "schedule", "ordering"))

    def applies(self, document: Document) -> bool:
        schedule, prior = document.experiment.design.schedule, document.experiment.design.prior
        ordering = getattr(schedule, "ordering", None)
        by_variance = ordering is not None and ordering.kind in ("neg_log_variance", "mixture")
        return prior.kind == "data_variance" or by_variance


def _without_variance(document: Document) -> bool:
    """Whether GUD256 is found, from which strange numbers elsewhere follow."""
    return any(True for _ in NoVariance().check(document))


def _crossed(document: Document) -> bool:
    """Whether GUD259 is found: then one end is wrong because of the other."""
    return any(True for _ in EndsCross().check(document))


RULES: tuple[type[Rule], ...] = (
    PriorReached,
    StartsNoisy,
    EndsCross,
    PriorGap,
    StartGap,
    BeyondFloat,
    BelowRounding,
    NoiseOverruled,
    NoVariance,
)
