"""The search for a better path of a trained run: what it may be, what it gains, and the spec that follows it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.data import Images
from gudspec.engine.main import Options, open_workdir
from gudspec.engine.mesh import gathered
from gudspec.engine.results import Trained
from gudspec.errors import Interrupted, Refused
from gudspec.process.dequantize import bits_offset
from gudspec.process.paths import Knots
from gudspec.program.keys import fold, root
from gudspec.program.likelihood import bits_per_dim
from gudspec.program.program import Program
from gudspec.program.search import along, descend, excess, into, region_of
from gudspec.spec.models import Experiment
from gudspec.spec.models.experiment import denoising
from gudspec.spec.models.measures import Independent, MeasureMixture
from gudspec.spec.models.results import Bound, Sample
from gudspec.spec.models.schedules import KnotsSchedule
from gudspec.spec.parameters import short_name
from gudspec.spec.resolved import dump

__all__ = ["Asked", "Optimized", "optimize"]

_TOLERANCE = 0.1
"""How far γ may be outside of the region between two knots, which are inside."""
_LOOKED_AT = 1025
"""Times at which that is looked at."""


@dataclass(frozen=True)
class Asked:
    """How to search.

    Args:
        search: `parameters` of the schedule inside their trained ranges, or `knots` of a piecewise linear path; None
            takes knots where groups were trained at independent noise levels, and parameters elsewhere.
        pieces: of a path of knots.
        steps: of the search.
        batch_size: images of a step.
        times: network evaluations per image of a step, about.
        rate: of the first steps, in units of γ, or of a parameter's range/20.
        images: of the test split, on which the gain is measured; None takes all.
        evaluations: times per image of that measurement.
    """

    search: Literal["parameters", "knots"] | None = None
    pieces: int = 16
    steps: int = 200
    batch_size: int = 64
    times: int = 8
    rate: float = 0.2
    images: int | None = None
    evaluations: int = 64


@dataclass(frozen=True)
class Optimized:
    """What a search has found.

    Args:
        search: what was searched.
        gain: mean of (bound before − bound after) over held-out images, in bits/dim; the same noise for both.
        standard_error: of the gain.
        before: bound along the path of the spec, in bits/dim.
        after: bound along the path that was found.
        images: on how many images.
        found: values of parameters by dotted path, or the schedule of the path.
        text: a spec that evaluates and samples along it, of the design of the run.
    """

    search: Literal["parameters", "knots"]
    gain: float
    standard_error: float
    before: float
    after: float
    images: int
    found: Mapping[str, float] | KnotsSchedule
    text: str


def optimize(
    workdir: str | os.PathLike[str], asked: Asked | None = None, *, options: Options | None = None
) -> Optimized:
    """Searches the path inside the trained region that minimizes the variational bound.

    It is searched on the validation split if there is one, else on the training images; the gain is measured on test
    images.

    Args:
        workdir: a workdir with a checkpoint.
        asked: how to search.
        options: who is told, and more.

    Raises:
        Refused: there is nothing to search, or the path would leave the trained region.
    """
    asked, options = asked or Asked(), options or Options()
    with open_workdir(workdir, (), options) as (trained, _, _):
        if jax.process_count() > 1:
            raise Refused("the search runs in one process: start it without --processes")
        seeker = _Search(trained, asked)
        search = asked.search or ("knots" if _free(trained.prepared.experiment) else "parameters")
        found = seeker.knots() if search == "knots" else seeker.parameters()
        before, after = seeker.measured(None), seeker.measured(found)
    gain = before - after
    error = float(gain.std(ddof=1) / math.sqrt(len(gain))) if len(gain) > 1 else math.nan
    text = _written(trained.prepared.experiment, found, float(gain.mean()), error, len(gain))
    numbers = (float(gain.mean()), error, float(before.mean()), float(after.mean()), len(gain))
    return Optimized(search, *numbers, found, text)


def _free(experiment: Experiment) -> bool:
    """Whether training has seen groups at noise levels of their own."""
    measure = denoising(experiment).measure
    parts = measure.measures if isinstance(measure, MeasureMixture) else (measure,)
    return any(isinstance(part, Independent) for part in parts)


class _Search:
    """A search on a trained run."""

    def __init__(self, trained: Trained, asked: Asked):
        self.trained, self.asked = trained, asked
        if not isinstance(trained.program, Program):
            raise Refused("an autoencoder has no path: optimize a run that diffuses its latents")
        self.program = trained.program
        self.experiment = trained.prepared.experiment
        self.weights = gathered(trained.parameters, trained.mesh)
        self.process = self.program.process(trained.statistics, self.weights)
        self.ranges = {short_name(name): (one.low, one.high) for name, one in self.program.bounds.items()}
        self.nominal = {short_name(name): one.value for name, one in self.program.bounds.items()}
        if self.process.path.groups.count == 1:
            raise Refused(
                f"all components share γ on the {self.experiment.design.schedule.kind} path: the bound is the same for "
                "every way of counting time, so that there is nothing to search"
            )
        if len(self.program.design.segments) > 1:
            raise Refused("the path of this run drops levels, which another would not: train with `segments: off`")
        if self.program.design.rises is not None:
            raise Refused("the path of this run was learned with the network, by the bound: it is at its optimum")

    def parameters(self) -> dict[str, float]:
        """The best values of the swept parameters, by dotted path."""
        swept = {name: one for name, one in self.ranges.items() if one[0] < one[1]}
        if not swept:
            raise Refused(
                "this network was trained on one path: its region has no room. Train over ranges of the schedule's "
                "parameters, `{low, high, value}`, or at all noise levels, `objective.measure: {kind: independent}`"
            )
        start = {name: jnp.float32((self.nominal[name] - low) / (high - low)) for name, (low, high) in swept.items()}

        def values(shares: Mapping[str, Any]) -> dict[str, Any]:
            inside = {name: low + (high - low) * shares[name] for name, (low, high) in swept.items()}
            return {**self.nominal, **inside}

        def cost(shares: Mapping[str, Any], *arguments: Any) -> Any:
            return self._cost(self.process, values(shares), *arguments)

        def project(shares: Mapping[str, Any]) -> Any:
            return jax.tree.map(lambda share: jnp.clip(share, 0, 1), shares)

        best = self._descended(cost, project, start, self.asked.rate / 4)
        found = values({name: float(share) for name, share in best.items()})
        return {name: round(float(found[short_name(name)]), 6) for name in self.program.bounds}

    def knots(self) -> KnotsSchedule:
        """The best path of knots between the ends of the path of the spec."""
        free, path = _free(self.experiment), self._numpy_path()
        times = np.linspace(0, 1, self.asked.pieces + 1)
        region = region_of(path, times, self.ranges, free)
        if not float((region.high - region.low).max()) > _TOLERANCE:
            raise Refused(
                "this network was trained on one path: its region has no room for another. Train at all noise levels, "
                "`objective.measure: {kind: independent}`, or over ranges of the schedule's parameters"
            )
        start = np.asarray(path.gamma(times, self.nominal), np.float32)
        project = into(region, start[0], start[-1])

        def cost(values: Any, *arguments: Any) -> Any:
            other = Knots(self.process.path.groups, times, values)
            return self._cost(replace(self.process, path=other), {}, *arguments)

        best = self._descended(cost, project, project(jnp.asarray(start)), self.asked.rate)
        values = np.asarray(project(best), float)
        fine = np.linspace(0, 1, _LOOKED_AT)
        found = np.asarray(Knots(path.groups, times, values).gamma(fine, {}))
        outside = excess(region_of(path, fine, self.ranges, free), found)
        if outside > _TOLERANCE:
            raise Refused(
                f"between its knots the optimized path leaves the trained region by {outside:.2g} in γ: more pieces "
                f"than {self.asked.pieces} follow the region more closely (`--pieces`)"
            )
        return self._schedule(values)

    def measured(self, found: Mapping[str, float] | KnotsSchedule | None) -> np.ndarray:
        """The bound of test images in bits/dim along a path, float64 [n]: whatever the path, with the same noise."""
        entry = Bound(name="optimized", kind="bound", times=self.asked.evaluations, images=self.asked.images)
        at: Mapping[str, float] = {}
        if isinstance(found, KnotsSchedule):
            entry = entry.model_copy(update={"path": found})
        elif found is not None:
            at = found
        images, size = self.trained.images(entry), entry.batch_size
        evaluate, key = self.program.evaluation(entry), fold(root(self.experiment.seed), "optimized")
        values = []
        for index, start in enumerate(range(0, len(images), size)):
            self._go_on("measuring")
            rows = (start + np.arange(size)) % len(images)  # the last batch is filled up
            arguments = (self.trained.statistics, _batch(images.take(rows)), fold(key, "batch", index))
            bits = evaluate(self.weights, *arguments, self.program.at(at))
            values.append(np.asarray(bits, float)[: len(images) - start])
        return np.concatenate(values)

    def _numpy_path(self) -> Any:
        statistics = type(self.trained.statistics)(*(np.asarray(one, float) for one in self.trained.statistics))
        return self.program.design.path(statistics)

    def _cost(self, process: Any, parameters: Mapping[str, Any], batch: Any, key: Any, weights: Any) -> Any:
        """Bound of a batch along the path of a process, in bits/dim."""
        program = self.program
        (stretch,) = program.stretches(weights, self.trained.statistics, program.design)
        chi = process.to_components(program.images(batch["pixels"], fold(key, "dequantize")))
        condition = program.condition(batch)
        nats = along(stretch.denoise, process, chi, fold(key, "bound"), parameters, condition, self.asked.times)
        return bits_per_dim(-nats, process, bits_offset(program.levels)).mean()

    def _descended(self, cost: Any, project: Any, start: Any, rate: float) -> Any:
        source, asked, reporter = self.trained.prepared.source, self.asked, self.trained.reporter
        images = source.train if source.validation is None else source.validation
        reporter.begin("searching", asked.steps)
        found = start
        steps = descend(cost, project, start, self._batches(images), asked.steps, rate)
        for index, (point, value) in enumerate(steps, start=1):
            found = point
            self._go_on("searching")
            reporter.advance(index, f"bound {value:.4f} bits/dim")
        reporter.end()
        return found

    def _batches(self, images: Images) -> Iterator[tuple[Any, ...]]:
        random, key = np.random.default_rng(self.experiment.seed), fold(root(self.experiment.seed), "search")
        index = 0
        while True:
            rows = random.choice(len(images), self.asked.batch_size)
            yield _batch(images.take(rows)), fold(key, "step", index), self.weights
            index += 1

    def _schedule(self, values: np.ndarray) -> KnotsSchedule:
        """Knots as a schedule, at times that are even in the mean of γ; those at which nothing moves are left out."""
        progress = values.mean(axis=1)
        progress = (progress - progress[0]) / (progress[-1] - progress[0])
        kept = np.flatnonzero(np.append(True, np.diff(progress.round(4)) > 0))
        times, rows = progress[kept].round(4), values[kept].round(4)
        times[-1], rows[-1] = 1.0, values[-1].round(4)
        by = _named(self.program)
        of_groups = tuple(map(tuple, rows.T.tolist()))
        return KnotsSchedule(kind="knots", by=by, times=tuple(times.tolist()), values=of_groups)

    def _go_on(self, what: str) -> None:
        self.trained.heartbeat.progress(what)
        if self.trained.stop.check():
            raise Interrupted(f"stopped while {what}; the same command starts again")


def _batch(images: Images) -> dict[str, np.ndarray]:
    return {"pixels": images.pixels} | ({} if images.labels is None else {"labels": images.labels})


def _named(program: Program) -> Any:
    """The `by` of knots that has the groups of a program's path."""
    groups, haar = program.design.groups, program.design.layout.haar_levels
    names = ["columns", "rows", *(["levels", "level_columns"] if haar else []), "components"]
    for name in names:
        if np.array_equal(program.design.partition(name).index, groups.index):
            return name
    raise Refused(
        f"the {groups.count} groups of this path cannot be written as knots, whose groups are {', '.join(names)}: "
        "search its parameters instead (`--search parameters`)"
    )


def _written(
    experiment: Experiment, found: Mapping[str, float] | KnotsSchedule, gain: float, error: float, images: int
) -> str:
    """A spec of the same design that evaluates and samples along what was found."""
    if isinstance(found, KnotsSchedule):
        follow: dict[str, Any] = {"path": found}
    else:
        follow = {"at": dict(found), "zip": False}

    def renamed(entry: Any) -> Any:
        return entry.model_copy(update={"name": f"{entry.name}-optimized", **follow})

    evaluate = experiment.evaluate or (Bound(name="bound", kind="bound"),)
    sample = experiment.sample or (Sample(name="samples"),)
    changed = {"evaluate": tuple(map(renamed, evaluate)), "sample": tuple(map(renamed, sample)), "sweep": None}
    lines = dump(experiment.model_copy(update=changed)).splitlines(keepends=True)
    text = "".join(line for line in lines if line.strip() != "at: {}")  # beside a path it would be without effect
    return (
        f"# Written by `gudspec optimize`: the path found lowers the variational bound of {experiment.name} by\n"
        f"# {gain:.4f} ± {error:.4f} bits/dim ({images} test images). The design is that of the run: on its workdir,\n"
        "# `gudspec run FILE --workdir WORKDIR` measures and draws; `gudspec sample WORKDIR --task FILE` draws.\n"
        + text
    )
