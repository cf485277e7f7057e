"""The region of γ in which the network learns, as in GUD (arXiv:2410.02667), Fig. 1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise, product

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from gudspec.report.pictures.canvas import ACCENT, INK, PALE, RULE, SOFT, figure, panel
from gudspec.report.view import View

__all__ = ["region", "sheets"]

_VALUES = {1: 33, 2: 17}
"""Values per parameter, by the number of parameters that have a range; 4 where there are more."""


def region(view: View, title: str) -> Figure:
    """The nominal path through the plane of two groups' γ, and what all paths of the trained ranges cover."""
    scalar = view.process.path.groups.count == 1
    chosen = view.spread(2 if scalar else 3)
    pairs = list(combinations(range(len(chosen)), 2)) or [(0, 0)]
    made = figure(f"{title}: region of γ", 1.6 + 3.2 * max(len(pairs), 2), 4.3, layout="compressed")
    grid = made.subplots(1, max(len(pairs), 2), squeeze=False)[0]
    for axes in grid[len(pairs) :]:
        axes.set_axis_off()
    t = view.times(chosen)
    nominal, surfaces = view.gamma(t, chosen), list(sheets(view, t, chosen))
    everything = np.concatenate([nominal.ravel(), *(sheet.ravel() for sheet in surfaces)])
    margin = 0.09 * np.ptp(everything)
    low, high = everything.min() - margin, everything.max() + margin
    for axes, (i, j) in zip(grid, pairs, strict=False):
        names = [view.names[row] for row in chosen]
        panel(axes, "", f"γ ({names[i]})").set_ylabel(f"γ ({names[j]})", fontsize=9, color=SOFT, loc="top")
        axes.grid(axis="both", color=RULE, linewidth=0.8)
        axes.axline((low, low), slope=1, color=SOFT, linewidth=0.9, linestyle=(0, (1, 2)), zorder=2.5)
        for sheet in surfaces:
            _fill(axes, sheet[:, [i, j]])
        axes.plot(nominal[i], nominal[j], color=ACCENT, linewidth=2, solid_capstyle="round", zorder=3)
        _marks(axes, t, nominal[i], nominal[j])
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _legend(made, view)
    return made


def sheets(view: View, t: np.ndarray, rows: np.ndarray) -> Iterator[np.ndarray]:
    """The paths between neighbouring values of one parameter, as surfaces.

    Args:
        view: the design.
        t: times, [T].
        rows: groups, [n].

    Yields:
        γ [2, n, T] at two neighbouring points of a grid over the trained ranges; nothing where no parameter has one.
    """
    ranged = {name: found for name, found in view.bounds.items() if found.low < found.high}
    count = _VALUES.get(len(ranged), 4)
    axes = [np.linspace(found.low, found.high, count) for found in ranged.values()]
    paths = {
        index: view.gamma(t, rows, view.at | {name: axis[k] for name, axis, k in zip(ranged, axes, index, strict=True)})
        for index in product(range(count), repeat=len(axes))
    }
    for index, here in paths.items():
        for axis in range(len(axes)):
            after = (*index[:axis], index[axis] + 1, *index[axis + 1 :])
            if after in paths:
                yield np.stack([here, paths[after]])


def _fill(axes: Axes, sheet: np.ndarray) -> None:
    """Fills the surface [2, 2, T] between two paths in the plane."""
    (x, y), (u, v) = sheet
    corners = [[(x[k], y[k]), (x[m], y[m]), (u[m], v[m]), (u[k], v[k])] for k, m in pairwise(range(len(x)))]
    axes.add_collection(PolyCollection(corners, facecolor=PALE, edgecolor=PALE, linewidth=0.6, zorder=2), autolim=False)


def _marks(axes: Axes, t: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    """Dots at quarters of the time; the ends are named."""
    for moment in (0.25, 0.5, 0.75):
        axes.plot(np.interp(moment, t, x), np.interp(moment, t, y), "o", color=ACCENT, markersize=3.2, zorder=4)
    for end, name, offset in ((0, "data, t = 0", (8, -6)), (-1, "prior, t = 1", (-6, 9))):
        axes.plot(x[end], y[end], "o", color="white", markeredgecolor=INK, markersize=5, zorder=5)
        side = "left" if end == 0 else "right"
        axes.annotate(
            name, (x[end], y[end]), offset, textcoords="offset points", fontsize=8, color=INK, ha=side, va="center"
        )


def _legend(made: Figure, view: View) -> None:
    ranged = [
        f"{name} in [{found.low:g}, {found.high:g}]" for name, found in view.bounds.items() if found.low < found.high
    ]
    nominal = ", ".join(f"{name} = {value:g}" for name, value in view.at.items())
    entries: list[tuple[Artist, str]] = [
        (
            Line2D([], [], color=ACCENT, linewidth=2),
            "path" + (f" at {nominal}" if nominal else "") + ", dots at t = ¼, ½, ¾",
        ),
        (Line2D([], [], color=SOFT, linewidth=0.9, linestyle=(0, (1, 2))), "equal γ: one scalar noise level"),
    ]
    if ranged:
        entries.insert(1, (Patch(color=PALE), f"covered in training: {', '.join(ranged)}"))
    else:
        entries.insert(1, (Line2D([], [], linewidth=0), "no parameter has a range: the network learns this path alone"))
    made.legend(
        *zip(*entries, strict=True), loc="outside lower left", ncols=1, frameon=False, fontsize=8.5, labelcolor=SOFT
    )
