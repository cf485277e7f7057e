"""How strong the components of the data are, and in which order they are generated."""

import numpy as np
from matplotlib.figure import Figure

from gudspec.report.arrays import ordering
from gudspec.report.pictures.canvas import ACCENT, SOFT, STRONG, figure, panel
from gudspec.report.view import View

__all__ = ["spectrum"]


def spectrum(view: View, title: str) -> Figure:
    """The variances of data and prior in falling order, the ordering variable in the same order and in the layout."""
    variance = np.asarray(view.statistics.variance, float)
    scale = np.broadcast_to(view.process.scale, variance.shape)
    order, rank = ordering(view), np.argsort(-variance.ravel(), kind="stable")
    number = np.arange(1, len(rank) + 1)
    made = figure(f"{title}: spectrum and ordering", 10.2, 3.7)
    left, middle, right = made.subplots(1, 3)

    panel(left, "variance", "component, strongest first")
    left.plot(number, variance.ravel()[rank], color=ACCENT, linewidth=2, label="data: Σ before scaling")
    left.plot(number, scale.ravel()[rank] ** 2, color=SOFT, linewidth=1.2, linestyle=(0, (4, 2)), label="prior: S²")
    left.set_yscale("log")
    left.legend(frameon=False, fontsize=8.5, labelcolor=SOFT)

    panel(middle, "ordering variable l", "component, strongest first")
    middle.plot(number, order.ravel()[rank], ".", color=ACCENT, markersize=3, markeredgewidth=0)

    panel(right, "l in the layout" + (", channel 1" if order.shape[2] > 1 else ""), "column").grid(visible=False)
    right.set_ylabel("row", fontsize=9, color=SOFT, loc="top")
    height, width = order.shape[:2]
    low, high = order.min(), max(order.max(), order.min() + 1e-9)
    picture = right.imshow(
        order[..., 0],
        cmap=STRONG,
        vmin=low,
        vmax=high,
        extent=(0.5, width + 0.5, height + 0.5, 0.5),
        interpolation="nearest",
    )
    if np.ptp(order) == 0:  # nothing is generated before anything else
        middle.set_yticks([low])
        return made
    bar = made.colorbar(picture, ax=right, pad=0.03, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=SOFT)
    bar.set_label("small l is generated first", fontsize=8.5, color=SOFT)
    return made
