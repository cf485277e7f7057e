"""The samplers side by side: which one is best for a spec, and how many evaluations it takes."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from gudspec.spec.models import samplers as spec
from gudspec.verify.gaussian import GaussianData
from gudspec.verify.propagate import Propagator, wasserstein
from gudspec.verify.samplers import label

__all__ = ["COUNTS", "SamplerRow", "sampler_table", "table"]

COUNTS = (10, 20, 50, 100, 1000)
"""Evaluations at which errors are shown."""
_LADDER = (5, 7, 10, 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700, 1000)
"""Evaluations that are tried against the reference."""
_REFERENCE = spec.EulerMaruyama(kind="euler_maruyama")
_HEUN, _DPM = spec.Ode(kind="ode", solver="heun"), spec.Dpm(kind="dpm")
_THIRD = spec.Dpm(kind="dpm", order=3)
_ANCESTRAL, _DDIM = spec.Ancestral(kind="ancestral"), spec.Ddim(kind="ddim")
_ARC, _EDM = spec.ArcLengthGrid(kind="arc_length"), spec.EdmGrid(kind="edm")
_ANGLE = spec.AngleGrid(kind="angle")
_SAMPLERS: tuple[spec.AnySampler, ...] = (
    _REFERENCE,
    spec.StochasticHeun(kind="stochastic_heun"),
    spec.PredictorCorrector(kind="predictor_corrector"),
    *(sampler.model_copy(update={"grid": grid}) for sampler in (_ANCESTRAL, _DDIM) for grid in (_DDIM.grid, _ANGLE)),
    spec.Ode(kind="ode", solver="euler"),
    *(
        sampler.model_copy(update={"grid": grid})
        for sampler in (_HEUN, _DPM, _THIRD)
        for grid in (_HEUN.grid, _ARC, _EDM)
    ),
)


@dataclass(frozen=True)
class SamplerRow:
    """A sampler on one grid of times.

    Args:
        sampler: its name.
        grid: the name of the grid.
        errors: Wasserstein-2 distance from the density at t = 0, over its own size, by number of evaluations; None
            where the path's kinks alone take more.
        matches: fewest evaluations, of those tried, with at most the error of Euler–Maruyama at 1000; None if not even
            1000 are enough.
    """

    sampler: str
    grid: str
    errors: dict[int, float | None]
    matches: int | None

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def sampler_table(data: GaussianData) -> Iterator[SamplerRow]:
    """The samplers on grids that suit them, from the exact marginal at t = 1: the prior gap is not counted."""
    propagator, target = Propagator(data), math.inf
    for sampler in _SAMPLERS:

        @cache
        def error(count: int, sampler: spec.AnySampler = sampler) -> float | None:
            sized = _with_evaluations(propagator, sampler, count)
            return wasserstein(data, propagator.covariance(sized)) if sized else None

        errors = {count: error(count) for count in COUNTS}
        if sampler is _REFERENCE and (reached := errors[COUNTS[-1]]) is not None:
            target = reached
        enough = [count for count, found in errors.items() if found is not None and found <= target]
        if enough:  # errors fall with the evaluations, so that the ladder may be halved until one rung is left
            below = _LADDER[: _LADDER.index(enough[0])]
            first = bisect_left(below, True, key=lambda count: (found := error(count)) is not None and found <= target)
            enough[0] = (*below[first:], enough[0])[0]
        yield SamplerRow(label(sampler), sampler.grid.kind, errors, enough[0] if enough else None)


def _with_evaluations(propagator: Propagator, sampler: spec.AnySampler, count: int) -> spec.AnySampler | None:
    """The sampler with the most steps that take at most this number of evaluations; None if one step takes more."""
    steps = count // sampler.evaluations_per_step
    while steps > 0:
        sized = sampler.model_copy(update={"steps": steps})
        excess = propagator.evaluations(sized) - count
        if excess <= 0:
            return sized
        steps -= -(-excess // sampler.evaluations_per_step)
    return None


def table(rows: Sequence[SamplerRow]) -> str:
    """The rows as text, with the best of them."""
    counts = "".join(f"{count:>10,}" for count in COUNTS)
    lines = ["Distance from the density at t = 0 (Wasserstein-2, relative) by evaluations of the network", ""]
    lines.append(f"{'sampler':<20}{'grid':<12}{counts}{'needed':>10}")
    for row in rows:
        errors = "".join(f"{'–' if error is None else f'{error:.1e}':>10}" for error in row.errors.values())
        lines.append(f"{row.sampler:<20}{row.grid:<12}{errors}{row.matches or '> 1,000':>10}")
    lines += [
        "",
        "needed: evaluations for the distance of euler_maruyama at 1,000; –: the kinks alone take more",
    ]
    if able := [row for row in rows if row.matches]:
        best = min(able, key=lambda row: (row.matches, math.inf if row.errors[100] is None else row.errors[100]))
        lines.append(f"best here: {best.sampler} on the {best.grid} grid")
    return "\n".join(lines)
