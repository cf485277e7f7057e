"""A design as numbers, for other tools."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from gudspec.process.noising import alpha, sigma
from gudspec.process.orderings import Ordering
from gudspec.program.design import Statistics
from gudspec.report.view import View
from gudspec.spec.models import Experiment

__all__ = ["design_arrays", "ordering", "save_arrays"]


def design_arrays(experiment: Experiment, statistics: Statistics, t: Sequence[float]) -> dict[str, np.ndarray]:
    """The design at its nominal parameters, in the layout of its components.

    Args:
        experiment: the spec.
        statistics: what its process knows of the data.
        t: times in [0, 1], [T].

    Returns:
        In float64: `t` [T]; `gamma`, `alpha` and `sigma` [T, H, W, C]; `ordering` (see `ordering`), `variance` (Σ of
        the diffused components χ = S⁻¹U(φ − mean)), `variance_unscaled` (that of U(φ − mean)) and `prior_scale` (S),
        each [H, W, C]; `breakpoints` [K], the kinks of γ inside [0, 1], ascending and without repetition; `segments`
        [segments, 3], start, stop and the number of Haar levels that are left out; `lost` [segments − 1], what each
        level that is dropped costs at most, in bits/dim.
    """
    view = View(experiment, statistics)
    process, shape, times = view.process, view.design.shape, np.asarray(t, float)
    gamma = np.broadcast_to(process.gamma(times, view.at), (len(times), *shape))
    kinks = np.unique(np.asarray(process.path.breakpoints(view.at), float).round(12))
    return {
        "t": times,
        "gamma": gamma.copy(),
        "alpha": alpha(gamma),
        "sigma": sigma(gamma),
        "ordering": ordering(view),
        "variance": np.broadcast_to(process.variance, shape).copy(),
        "variance_unscaled": np.asarray(statistics.variance, float),
        "prior_scale": np.broadcast_to(process.scale, shape).copy(),
        "breakpoints": kinks[(kinks >= 0) & (kinks <= 1)],
        "segments": np.array(view.design.segments, float),
        "lost": np.array(view.lost),
    }


def ordering(view: View) -> np.ndarray:
    """The ordering variable of every component [H, W, C]: what has a small one is generated first.

    That is the schedule's l. A schedule without one orders its groups by their γ, averaged over time: they are
    numbered from 0, and where that is equal so is the number. All components of a scalar path have 0.
    """
    path, shape = view.process.path, view.design.shape
    own = getattr(path, "ordering", None)
    if isinstance(own, Ordering):
        values = np.asarray(own.values(view.at), float)
    else:
        mean = path.gamma(np.linspace(0, 1, 257), view.at).mean(axis=0)
        values = np.unique(mean.round(9), return_inverse=True)[1].astype(float)
    return np.broadcast_to(path.groups.expand(values), shape).copy()


def save_arrays(
    path: str | os.PathLike[str], experiment: Experiment, statistics: Statistics, t: Sequence[float]
) -> None:
    """Writes `design_arrays` as a NumPy archive.

    Args:
        path: the file, with the ending that it shall have.
        experiment: the spec.
        statistics: what its process knows of the data.
        t: times in [0, 1], [T].
    """
    arrays = design_arrays(experiment, statistics, t)
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
