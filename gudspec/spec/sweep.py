"""A sweep becomes its runs: names and overrides."""

import itertools
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gudspec.spec.diagnostics import Diagnostic, Mark, Span
from gudspec.spec.models import Experiment
from gudspec.spec.models.sweep import Draw, Random, Sweep, values
from gudspec.spec.resolved import flow
from gudspec.spec.scalars import scalar
from gudspec.spec.tree import Node, Path, place

__all__ = ["Run", "located", "runs"]

_TRIES = 100
"""How often a point is drawn again that rounding has made equal to another; then the range is too narrow."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a sweep."""

    name: str
    """Name of the experiment and the values of the axes."""
    overrides: tuple[str, ...]
    """`path=value` each: the axes, the name, and `sweep=null`."""
    places: tuple[Path, ...]
    """Where the spec gives the value of each axis."""


_Point = tuple[tuple[str, object, Path], ...]
"""(path, value, where the spec gives it) of some axes."""


def runs(experiment: Experiment) -> tuple[Run, ...]:
    """The runs of a spec's sweep; none where it has no sweep.

    Args:
        experiment: the spec.

    Example:
        >>> from gudspec.spec.load import loads
        >>> experiment = loads('''
        ...   gudspec: 1
        ...   name: digits
        ...   data: {source: {kind: digits}}
        ...   sweep: {grid: {train.steps: [10, 20], seed: [1, 2]}}
        ... ''')
        >>> for run in runs(experiment):
        ...     print(run.name, run.overrides[:2])
        digits-steps-10-seed-1 ('train.steps=10', 'seed=1')
        digits-steps-10-seed-2 ('train.steps=10', 'seed=2')
        digits-steps-20-seed-1 ('train.steps=20', 'seed=1')
        digits-steps-20-seed-2 ('train.steps=20', 'seed=2')
    """
    return tuple(_runs(experiment.name, experiment.sweep)) if experiment.sweep else ()


def _runs(name: str, sweep: Sweep) -> Iterator[Run]:
    labels = _labels([path for _, path in sweep.axes])
    for points in itertools.product(_grid(sweep), _zip(sweep), _draws(sweep.random)):
        point = tuple(itertools.chain(*points))
        parts = [name, *(f"{labels[path]}-{_word(value)}" for path, value, _ in point)]
        full = "-".join(parts)
        overrides = (*(f"{path}={flow(value)}" for path, value, _ in point), f"name={scalar(full)}", "sweep=null")
        yield Run(full, overrides, tuple(where for *_, where in point))


def _axis(sweep: Sweep, part: str, path: str) -> list[tuple[str, object, Path]]:
    axis = getattr(sweep, part)[path]
    where: Path = ("sweep", part, path)
    listed = isinstance(axis, tuple)
    return [(path, value, (*where, index) if listed else where) for index, value in enumerate(values(axis))]


def _grid(sweep: Sweep) -> Iterator[_Point]:
    return itertools.product(*(_axis(sweep, "grid", path) for path in sweep.grid))


def _zip(sweep: Sweep) -> Iterator[_Point]:
    axes = [_axis(sweep, "zip", path) for path in sweep.zip]
    return zip(*axes, strict=True) if axes else iter([()])


def _draws(drawn: Random | None) -> Iterator[_Point]:
    if drawn is None:
        yield ()
        return
    generator = random.Random(drawn.seed)
    seen: set[tuple[float, ...]] = set()
    for _ in range(drawn.count):
        for _ in range(_TRIES):
            point = tuple(_drawn(of, generator.random()) for of in drawn.over.values())
            if point not in seen:
                break
        seen.add(point)
        yield tuple(
            (path, value, ("sweep", "random", "over", path)) for path, value in zip(drawn.over, point, strict=True)
        )


def _drawn(of: Draw, at: float) -> float:
    """The value at a fraction of the range, rounded to four digits."""
    value = of.low * math.exp(at * math.log(of.high / of.low)) if of.log else of.low + at * (of.high - of.low)
    return min(max(float(f"{value:.4g}"), of.low), of.high)


def _labels(paths: list[str]) -> dict[str, str]:
    """The shortest end of each path that no other path has."""

    def end(path: str, keys: int) -> str:
        return _clean(".".join(path.split(".")[-keys:]))

    def label(path: str) -> str:
        others = [other for other in paths if other != path]
        lengths = range(1, path.count(".") + 2)
        free = (end(path, keys) for keys in lengths if end(path, keys) not in {end(other, keys) for other in others})
        return next(free, _clean(path))

    return {path: label(path) for path in paths}


def _word(value: object) -> str:
    return _clean(flow(value))[:40] or "empty"


def _clean(text: str) -> str:
    return re.sub(r"[^\w.-]+", "_", text).strip("_")


def located(found: Diagnostic, run: Run, tree: Node) -> Diagnostic:
    """A problem of a run, which lies in one of its overrides, at the axis that the override comes from.

    Args:
        found: the problem.
        run: the run.
        tree: the spec, with the sweep.
    """
    notes = (*found.notes, f"in the run `{run.name}` of the sweep")
    where = dict(zip(run.overrides, run.places, strict=False)).get(found.span.source.text)
    if where is None:
        return replace(found, notes=notes)
    path = str(where[-1] if isinstance(where[-1], str) else where[-2])
    if found.span.start.column > len(path):
        if found.suggestion and (found.span.start.column > len(path) + 2 or path == where[-1]):
            notes = (f"did you mean `{found.suggestion}`?", *notes)  # a part of what is marked
            found = replace(found, suggestion=None)
        return replace(found, span=place(tree, where), notes=notes, certain=False)
    key = place(tree, where[: where.index(path) + 1], key=True)
    part = _within(key, path, found.span)
    meant = found.suggestion if part else None
    return replace(found, span=part or key, suggestion=meant, notes=notes, certain=False)


def _within(key: Span, path: str, part: Span) -> Span | None:
    """The part of a written key that an override's path marks; None where the two are not written alike."""
    line, column = key.start
    begin = key.source.line(line).find(path, column - 1, key.end.column - 1)
    if begin < 0 or key.end.line != line:
        return None
    return Span(key.source, Mark(line, begin + part.start.column), Mark(line, begin + part.end.column))
