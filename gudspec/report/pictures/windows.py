"""When each group is noised, as in GUD (arXiv:2410.02667), Fig. 6."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gudspec.process.noising import alpha, beta
from gudspec.process.paths import Windowed
from gudspec.report.pictures.canvas import INK, SOFT, STRONG, figure, panel
from gudspec.report.view import View

__all__ = ["windows"]

_GROUPS = 64
_TIMES = 400


def windows(view: View, title: str) -> Figure:
    """γ̇, the noising rate β and the signal coefficient α of up to 64 groups, a row each, first generated on top."""
    chosen = view.spread(_GROUPS)
    t = (np.arange(_TIMES) + 0.5) / _TIMES
    gamma, speed = view.gamma(t, chosen), view.gamma_dot(t, chosen)
    made = figure(f"{title}: when each group is noised", 10.2, 4.0)
    panels = made.subplots(1, 3, sharey=True)
    rate = beta(gamma, speed)
    for axes, rows, name, top in zip(
        panels,
        (speed, rate, alpha(gamma)),
        ("speed dγ/dt", "noising rate β(t) = σ² dγ/dt", "signal coefficient α(t)"),
        (_top(speed), _top(rate), 1.0),
        strict=True,
    ):
        panel(axes, name).grid(visible=False)
        picture = axes.imshow(
            rows,
            aspect="auto",
            extent=(0, 1, len(chosen) + 0.5, 0.5),
            cmap=STRONG,
            vmin=0,
            vmax=top,
            interpolation="nearest",
        )
        bar = made.colorbar(
            picture, ax=axes, pad=0.02, aspect=30, extend="max" if rows.max() > 1.1 * top else "neither"
        )
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8, labelcolor=SOFT)
        _edges(axes, view, chosen)
    _rows(panels[0], view, chosen)
    return made


def _top(rows: np.ndarray) -> float:
    """Where the colours end: at the largest value, but a short burst (γ̇ of cosine near t = 0) may exceed it."""
    return float(np.quantile(rows, 0.98)) or float(rows.max())


def _edges(axes: Axes, view: View, chosen: np.ndarray) -> None:
    """Outlines the window of every group, on paths that have windows."""
    if isinstance(view.process.path, Windowed):
        for edge in view.process.path.windows(view.at):
            axes.stairs(
                np.broadcast_to(edge, view.groups.count)[chosen],
                np.arange(len(chosen) + 1) + 0.5,
                orientation="horizontal",
                baseline=None,
                color=INK,
                linewidth=0.7,
            )


def _rows(axes: Axes, view: View, chosen: np.ndarray) -> None:
    picked = np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), 8)).round().astype(int))
    axes.set_yticks(picked + 1, [view.names[chosen[row]] for row in picked])
    total, shown = view.groups.count, len(chosen)
    which = f"{total:,} {view.kind}" if shown == total else f"{shown} of {total:,} {view.kind}"
    axes.set_ylabel(f"{which}, first generated on top", fontsize=9, color=SOFT)
