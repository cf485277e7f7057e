"""A rule about what is written but has no effect."""

from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models.results import Likelihood
from gudspec.spec.models.samplers import Ode, TimesGrid
from gudspec.spec.models.schedules import DdpmSchedule, RgCutoffSchedule
from gudspec.spec.models.tasks import Generate
from gudspec.spec.sources import levels, validates
from gudspec.spec.tree import Path, find

__all__ = ["RULES"]


class Ineffective(Rule):
    """Some fields matter only beside certain others. Written without them, they suggest what does not happen.

    `rtol` and `atol` are those of `tsit5`, `steps` and `grid` those of all others; `times` gives the steps themselves;
    `probes` are those of Hutchinson's estimator; a list of `betas` replaces the formula; `zip` pairs two lists or more;
    `dequantize` acts on integers and `validation` where the source publishes no such split.
    """

    code = "GUD255"
    severity = "warning"
    summary = "a field without effect"
    bad = "sample: [{name: grid, sampler: {kind: ode, solver: heun, rtol: 1e-3}}]"
    good = "sample: [{name: grid, sampler: {kind: ode, solver: tsit5, rtol: 1e-3}}]"

    def check(self, document: Document) -> Iterator[Finding]:
        for path, why in _without_effect(document):
            if find(document.tree, path) is not None:
                yield Finding(f"`{path[-1]}` has no effect: {why}", path, key=True)


def _without_effect(document: Document) -> Iterator[tuple[Path, str]]:
    """Fields that would have no effect if they were written, and why."""
    experiment = document.experiment
    data, schedule = experiment.data, experiment.design.schedule
    if levels(data.source) is None and data.dequantize == "uniform":
        yield ("data", "dequantize"), f"the images of `{data.source.kind}` are real-valued here"
    if data.validation and validates(data.source):
        yield ("data", "validation"), f"`{data.source.kind}` publishes a validation split of its own"
    if isinstance(schedule, DdpmSchedule) and schedule.betas is not None:
        for name in ("beta", "beta_start", "beta_end", "steps"):
            yield ("design", "schedule", name), "`betas` gives the table one by one"
    if isinstance(schedule, RgCutoffSchedule):
        for end, name in (("min", "cutoff"), ("max", "rate")):
            if getattr(schedule, name) is not None:
                yield ("design", "schedule", "gamma", end), f"`{name}` is given, which decides that end"
    for index, entry in enumerate(experiment.evaluate):
        if isinstance(entry, Likelihood) and entry.divergence == "exact":
            yield ("evaluate", index, "probes"), "`divergence: exact` takes the trace without probes"
        if entry.schedule is not None:
            yield ("evaluate", index, "at"), "`path` has its own parameters"
    for index, drawn in enumerate(experiment.sample):
        if isinstance(drawn.sampler, Ode):
            adaptive = drawn.sampler.solver == "tsit5"
            for name in ("steps", "grid") if adaptive else ("rtol", "atol"):
                why = "`tsit5` chooses its own steps" if adaptive else f"`{drawn.sampler.solver}` takes given steps"
                yield ("sample", index, "sampler", name), why
            if adaptive:
                yield ("sample", index, "frames"), "`tsit5` does not stop at given times"
        if not isinstance(drawn.task, Generate):
            yield ("sample", index, "frames"), "only drawings from noise alone keep frames"
        if drawn.schedule is not None:
            yield ("sample", index, "at"), "`path` has its own parameters"
        if isinstance(drawn.sampler.grid, TimesGrid):
            yield ("sample", index, "sampler", "steps"), "`times` gives the steps one by one"
    for section in ("evaluate", "sample"):
        for index, measured in enumerate(getattr(experiment, section)):
            if measured.zip and len(measured.at) < 2:
                yield (section, index, "zip"), "it pairs the values of two paths or more in `at`"


RULES: tuple[type[Rule], ...] = (Ineffective,)
