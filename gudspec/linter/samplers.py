"""Rules about how samples are drawn and likelihoods computed."""

import math
from collections.abc import Iterator

from gudspec.linter.rule import Finding, Rule
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import Likelihood
from gudspec.spec.models.samplers import Ode, TimesGrid
from gudspec.spec.models.schedules import DdpmSchedule
from gudspec.spec.sources import counts, shape, validates
from gudspec.spec.tree import Path, find

__all__ = ["RULES"]

_FINEST = 1e-6
"""Tolerance below which the rounding of float32, 6e-8 an operation, is the larger error."""
_COARSEST = 1e-2
"""Tolerance above which the second digit of bits/dim is the solver's."""
_FEWEST = 4
"""Steps with which a few-step sampler, of a network that was not distilled, still makes images."""


def _solvers(experiment: Experiment) -> Iterator[tuple[Likelihood | Ode, Path]]:
    """Everything that solves an ODE with adaptive steps, with its place."""
    for index, entry in enumerate(experiment.evaluate):
        if isinstance(entry, Likelihood):
            yield entry, ("evaluate", index)
    for index, drawn in enumerate(experiment.sample):
        if isinstance(drawn.sampler, Ode) and drawn.sampler.solver == "tsit5":
            yield drawn.sampler, ("sample", index, "sampler")


class TableSteps(Rule):
    """The network was trained on the T levels of the table and, between them, on a curve through them.

    More sampler steps than the table has levels visit noise levels that DDPM never defines, and change nothing: at T
    steps ancestral sampling is the published sampler.
    """

    code = "GUD226"
    severity = "warning"
    summary = "more sampler steps than the table has levels"
    bad = """\
design: {schedule: {kind: ddpm, steps: 1000}}
sample: [{name: grid, sampler: {kind: ancestral, steps: 4000}}]"""
    good = """\
design: {schedule: {kind: ddpm, steps: 1000}}
sample: [{name: grid, sampler: {kind: ancestral, steps: 1000}}]"""
    source = "DDPM (arXiv:2006.11239), Algorithm 2"

    def check(self, document: Document) -> Iterator[Finding]:
        for index, entry in enumerate(document.experiment.sample):
            schedule = entry.schedule or document.experiment.design.schedule
            steps = entry.sampler.count
            if not isinstance(schedule, DdpmSchedule) or steps is None:
                continue
            levels = len(schedule.betas) if schedule.betas is not None else schedule.steps
            if steps > levels:
                field = ("grid", "times") if isinstance(entry.sampler.grid, TimesGrid) else ("steps",)
                place = ("sample", index, "sampler", *field)
                written = field == ("steps",) and find(document.tree, place) is not None
                message = f"{steps} steps, but the table has {levels} noise levels"
                yield Finding(message, place, suggestion=str(levels) if written else None)


class OneStep(Rule):
    """A sampler integrates an equation, and its error falls with the number of its steps.

    In one or two steps it returns about the mean of all images, or noise. Networks for so few steps are distilled,
    which this training is not.
    """

    code = "GUD227"
    severity = "warning"
    summary = "a sampler with hardly any steps"
    bad = "sample: [{name: grid, sampler: {kind: ddim, steps: 1}}]"
    good = "sample: [{name: grid, sampler: {kind: ddim, steps: 50}}]"
    source = "DDIM (arXiv:2010.02502), Table 1; Progressive Distillation (arXiv:2202.00512), Table 2"

    def check(self, document: Document) -> Iterator[Finding]:
        for index, entry in enumerate(document.experiment.sample):
            count = entry.sampler.count
            if count is not None and count < _FEWEST:
                steps = "one step" if count == 1 else f"{count} steps"
                message = f"{steps} from noise to image: what comes out is near the mean of the data, or noise"
                yield Finding(message, ("sample", index, "sampler", "steps"))


class TooFine(Rule):
    """Programs compute in float32, with a relative rounding of 6e-8 in every one of many operations.

    Tolerances that sum to less than 1e-6 ask for less error than rounding makes: the solver takes more steps, and
    the result is no better. The paper solves with 1e-4.
    """

    code = "GUD228"
    severity = "warning"
    summary = "a tolerance beyond float32"
    bad = "evaluate: [{name: nll, kind: likelihood, rtol: 1e-8, atol: 1e-8}]"
    good = "evaluate: [{name: nll, kind: likelihood, rtol: 1e-5, atol: 1e-5}]"
    source = "Hairer, Nørsett and Wanner, Solving Ordinary Differential Equations I, §II.4"

    def check(self, document: Document) -> Iterator[Finding]:
        for solver, path in _solvers(document.experiment):
            if (allowed := solver.rtol + solver.atol) < _FINEST:  # on components of variance 1
                message = (
                    f"an error of {allowed:.1g} (`rtol` and `atol`) is below float32's rounding: steps for nothing"
                )
                yield Finding(message, (*path, "atol"), suggestion="1e-5")


class TooCoarse(Rule):
    """The error of a likelihood is about its tolerance, in nats a dimension and step.

    Models are compared in hundredths of a bit/dim. The paper solves with 1e-4.
    """

    code = "GUD229"
    severity = "warning"
    summary = "a tolerance that shows in the result"
    bad = "evaluate: [{name: nll, kind: likelihood, atol: 0.1}]"
    good = "evaluate: [{name: nll, kind: likelihood, atol: 1e-4}]"
    source = "GUD (arXiv:2410.02667), App. B"

    def check(self, document: Document) -> Iterator[Finding]:
        for solver, path in _solvers(document.experiment):
            for name, value in (("rtol", solver.rtol), ("atol", solver.atol)):
                if value > _COARSEST:
                    message = f"`{name}: {value:g}` lets the solver err where models differ; the paper takes 1e-4"
                    yield Finding(message, (*path, name), suggestion="1e-4")


class MoreImages(Rule):
    """`images` takes the first images of the split; beyond its end there are none, and all are taken."""

    code = "GUD234"
    severity = "warning"
    summary = "more images than the split has"
    bad = "evaluate: [{name: nll, kind: bound, images: 6144}]"
    good = "evaluate: [{name: nll, kind: bound, images: 256}]"

    def check(self, document: Document) -> Iterator[Finding]:
        data = document.experiment.data
        known = counts(data.source)
        if not validates(data.source) and "train" in known:
            known["validation"] = round(known["train"] * data.validation)
            known["train"] -= known["validation"]
        for index, entry in enumerate(document.experiment.evaluate):
            size = known.get(entry.split, 0)
            if size and entry.images and entry.images > size:
                message = f"the {entry.split} split has {size:,} images, not {entry.images:,}: all are taken"
                yield Finding(message, ("evaluate", index, "images"), suggestion="null", certain=True)


class ProbesForTrace(Rule):
    """As many probes as the image has numbers cost what the exact trace costs, which has no error at all."""

    code = "GUD235"
    severity = "warning"
    summary = "as many probes as dimensions"
    bad = "evaluate: [{name: nll, kind: likelihood, probes: 64}]"
    good = "evaluate: [{name: nll, kind: likelihood, divergence: exact}]"
    source = "FFJORD (arXiv:1810.01367), §3.1"

    def check(self, document: Document) -> Iterator[Finding]:
        if image := shape(document.experiment.data.source):
            dimensions = math.prod(image)
            for index, entry in enumerate(document.experiment.evaluate):
                if not isinstance(entry, Likelihood) or entry.divergence == "exact" or entry.probes < dimensions:
                    continue
                message = (
                    f"{entry.probes} probes for {dimensions} dimensions: `divergence: exact` has no variance and costs "
                    "no more"
                )
                yield Finding(message, ("evaluate", index, "probes"))


RULES: tuple[type[Rule], ...] = (TableSteps, OneStep, TooFine, TooCoarse, MoreImages, ProbesForTrace)
