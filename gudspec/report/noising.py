"""The design of a run as curves: γ(t), σ(t) and log SNR(t) of some components, as in GUD (arXiv:2410.02667), Fig. 2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gudspec.process.groups import Groups
from gudspec.process.noising import log_snr, sigma
from gudspec.process.paths import Hierarchical, Windowed
from gudspec.program.design import Design, Statistics, short_name
from gudspec.report.figures import SHADES
from gudspec.spec.models import Experiment
from gudspec.spec.models import design as spec
from gudspec.spec.parameters import parameters

__all__ = ["Noising", "noising"]

_TIMES = 129


class Noising(NamedTuple):
    """The noising states of a selection of components along the path."""

    t: np.ndarray
    """Times [T], the path's kinks among them."""
    gamma: np.ndarray
    """γ, [n, T]."""
    sigma: np.ndarray
    """σ, [n, T]."""
    log_snr: np.ndarray
    """log SNR, [n, T]."""
    names: list[str]
    """What each row is, [n], from what is generated first to what is generated last."""
    of: str
    """What the rows were selected from, such as `64 components`."""


def noising(experiment: Experiment, statistics: Statistics) -> Noising:
    """The path at its nominal parameters, for up to eight of its groups, evenly spread over the order of generation.

    Where all components share one noise level the groups are components: their log SNR still differs.

    Args:
        experiment: the spec.
        statistics: what its process knows of the data.
    """
    design = Design(experiment.design, statistics.mean.shape)
    process = design.process(statistics)
    path = process.path
    at = {short_name(name): bounds.value for name, bounds in parameters(experiment).items()}
    groups = design.groups if design.groups.count > 1 else design.tokens("components")
    members = np.bincount(groups.index.ravel())
    variance = np.bincount(groups.index.ravel(), np.asarray(process.variance, float).ravel()) / members

    def gamma(times: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """γ [n, T], one time after the other: large images have many groups."""
        columns = (np.asarray(path.gamma(times[i : i + 1], at), float)[0] for i in range(len(times)))
        return np.stack([np.broadcast_to(column, groups.count)[rows] for column in columns], axis=1)

    # generated first: on a path of windows the latest window, else the highest SNR; where that ties, the strongest
    rough = gamma(np.linspace(0, 1, 9), np.arange(groups.count)).mean(axis=1)
    rank = rough if isinstance(path, Windowed) else rough - np.log(variance)
    order = np.lexsort([-variance, rank.round(4)])
    chosen = order[np.unique(np.linspace(0, len(order) - 1, SHADES).round().astype(int))]

    kinks = np.stack(path.windows(at))[:, chosen] if isinstance(path, Windowed) else path.breakpoints(at)
    t = np.unique(np.concatenate([np.linspace(0, 1, _TIMES), np.clip(np.ravel(kinks), 0, 1)]))
    state = gamma(t, chosen)
    names = _names(design, groups, path, variance)
    return Noising(
        t,
        state,
        sigma(state),
        log_snr(state, variance[chosen][:, None]),
        [names[i] for i in chosen],
        f"{groups.count:,} {_kind(design)}",
    )


def _kind(design: Design) -> str:
    match design.spec.schedule:
        case spec.SequentialSchedule(ordering=spec.ColumnOrdering()):
            return "columns"
        case spec.SequentialSchedule(ordering=spec.RowOrdering()):
            return "rows"
        case spec.HierarchicalSchedule():
            return "columns of wavelet levels"
        case _:
            return "frequencies" if isinstance(design.spec.basis, spec.FourierBasis) else "components"


def _names(design: Design, groups: Groups, path: object, variance: np.ndarray) -> list[str]:
    if isinstance(path, Hierarchical):
        return [f"level {level + 1}, column {column + 1}" for level, column, _ in path.table.tolist()]
    match _kind(design):
        case "columns" | "rows" as kind:
            return [f"{kind[:-1]} {index + 1}" for index in range(groups.count)]
        case _:
            return [f"Σ = {value:.2g}" for value in variance]
