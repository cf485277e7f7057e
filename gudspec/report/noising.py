"""The design of a run as curves: γ(t), σ(t) and log SNR(t) of some components, as in GUD (arXiv:2410.02667), Fig. 2."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gudspec.process.noising import log_snr, sigma
from gudspec.program.design import Statistics
from gudspec.report.figures import SHADES
from gudspec.report.view import View
from gudspec.spec.models import Experiment

__all__ = ["Noising", "noising"]


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


def noising(experiment: Experiment, statistics: Statistics, rises: np.ndarray | None = None) -> Noising:
    """The path at its nominal parameters, for up to eight of its groups, evenly spread over the order of generation.

    Where all components share one noise level the groups are components: their log SNR still differs.

    Args:
        experiment: the spec.
        statistics: what its process knows of the data.
        rises: w of a learned path, [pieces, groups]; None before any training.
    """
    view = View(experiment, statistics, rises)
    chosen = view.spread(SHADES)
    t = view.times(chosen)
    state = view.gamma(t, chosen)
    return Noising(
        t,
        state,
        sigma(state),
        log_snr(state, view.variance[chosen][:, None]),
        [view.names[i] for i in chosen],
        f"{view.groups.count:,} {view.kind}",
    )
