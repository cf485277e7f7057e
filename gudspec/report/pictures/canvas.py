"""What the pictures share: paper, ink, lines that lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from gudspec.report.figures import palette, shades, style

__all__ = ["ACCENT", "INK", "PALE", "RULE", "SOFT", "STRONG", "figure", "legend", "lines", "panel"]

PAPER, INK, SOFT, RULE, ACCENT, PALE = "#fdfcfa", "#1d1c1a", "#66625b", "#e3dfd6", "#8a3b12", "#efd9cb"
STRONG = LinearSegmentedColormap.from_list("gudspec", ["#f5f3ee", "#e6b89f", ACCENT])
"""From nothing to much: the colours of maps."""
_DASH = 4.0


def figure(
    title: str, width: float, height: float, *, layout: Literal["constrained", "compressed"] = "constrained"
) -> Figure:
    """An empty figure with a headline, in inches; `compressed` keeps square panels close together."""
    with matplotlib.rc_context({"font.family": "DejaVu Sans"}):
        made = Figure(figsize=(width, height), layout=layout, dpi=160, facecolor=PAPER)
    made.get_layout_engine().set(w_pad=0.12, h_pad=0.1)  # type: ignore[union-attr, call-arg]
    made.suptitle(title, x=0.012, ha="left", fontsize=11, color=INK)
    return made


def panel(axes: Axes, title: str, x: str = "time t") -> Axes:
    """Gives a panel the look of the report's."""
    style(axes, title, x, ink=SOFT, rule=RULE)
    axes.set_title(title, loc="left", fontsize=10, color=INK, pad=8)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    return axes


def lines(axes: Axes, t: np.ndarray, rows: np.ndarray) -> None:
    """Draws ordered rows [n, T]; those that coincide share one line of dashes in all their colours."""
    colors = [palette(dark=False)[shade] for shade in shades(len(rows))]
    near = 2e-3 * max(float(np.ptp(rows)), 1e-12)
    same = np.abs(rows[:, None] - rows[None]).max(axis=2) < near
    for index, (row, color) in reversed(list(enumerate(zip(rows, colors, strict=True)))):
        count, place = int(same[index].sum()), int(same[index, :index].sum())
        dashes = (-place * _DASH, (_DASH, (count - 1) * _DASH)) if count > 1 else "solid"
        axes.plot(t, row, color=color, linewidth=1.6, linestyle=dashes, dash_capstyle="butt")


def legend(made: Figure, names: Sequence[str], title: str) -> None:
    """Names the colours of `lines`, below all panels."""
    colors = [palette(dark=False)[shade] for shade in shades(len(names))]
    handles = [matplotlib.lines.Line2D([], [], color=color, linewidth=3) for color in colors]
    made.legend(
        handles,
        names,
        title=title,
        loc="outside lower left",
        ncols=4,
        frameon=False,
        fontsize=8.5,
        title_fontsize=8.5,
        labelcolor=SOFT,
        alignment="left",
        handlelength=1.2,
    ).get_title().set_color(SOFT)
