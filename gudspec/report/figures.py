"""Figures as SVG that takes its colours and fonts from the page: light, dark, and small on a phone.

Matplotlib draws with placeholder colours, which become CSS variables afterwards. Every panel is a picture of its own,
so that a page can place them beside or below each other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

__all__ = ["SHADES", "Line", "chart", "palette", "shades", "style"]

SHADES = 8
"""Colours of lines that have an order."""

_INK, _RULE, _ACCENT = "#010101", "#020202", "#040404"
_LINES = tuple(f"#0303{shade:02x}" for shade in range(SHADES))
_VARIABLES = {_INK: "var(--ink-soft)", _RULE: "var(--rule)", _ACCENT: "var(--accent)"} | {
    color: f"var(--line-{shade})" for shade, color in enumerate(_LINES)
}
_CLEANUP = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", ""),
        (r'<g id="[^"]*">', "<g>"),
        (r'<g id="[^"]*"/>', ""),
        (r"<g>\s*</g>|<defs>\s*</defs>", ""),
        (r" font-family: [^;]*;", ""),
        (r' transform="rotate\(-?0 [^"]*"', ""),
        (r"xlink:href=", "href="),
        (r"\s*\n\s*", "\n"),
    )
)
_POINTS = 400
"""Longer lines are averaged down to this many points."""


class Line(NamedTuple):
    """A line of a chart."""

    x: np.ndarray
    """[n], rising."""
    y: np.ndarray
    """[n]; what is not finite is left out."""
    shade: int | None = None
    """Its colour among those of ordered lines, from 0 to `SHADES` − 1; None takes the page's accent."""
    error: np.ndarray | None = None
    """Standard errors [n]: the points are marked, with error bars."""


def shades(count: int) -> list[int]:
    """The colours of `count` ordered lines, spread over the palette.

    >>> shades(3)
    [0, 4, 7]
    """
    return [int(shade) for shade in np.floor(np.linspace(0, SHADES - 1, count) + 0.5)]


def palette(dark: bool) -> list[str]:
    """The colours of ordered lines, readable on a light or on a dark page."""
    first, last = (0.36, 1.0) if dark else (0.0, 0.82)
    return [to_hex(color) for color in matplotlib.colormaps["viridis"](np.linspace(first, last, SHADES))]


def chart(lines: Sequence[Line], *, title: str, x: str, logarithmic: bool = False, from_zero: bool = False) -> Markup:
    """A panel with lines.

    Args:
        lines: what to draw; later lines lie on top.
        title: what is drawn; stands above the panel and names it for screen readers.
        x: label of the horizontal axis.
        logarithmic: draw y on a logarithmic axis where it is positive and spans more than a factor of 4.
        from_zero: start the vertical axis at 0.

    Returns:
        An `svg` element.
    """
    lines = [_finite(line) for line in lines]
    figure = Figure(figsize=(3.7, 2.5), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_visible(False)
    style(axes, title, x)
    for line in lines:
        color = _ACCENT if line.shade is None else _LINES[line.shade]
        if line.error is not None:
            axes.errorbar(line.x, line.y, line.error, color=color, fmt="o-", markersize=3.5, linewidth=1.3, capsize=2)
        elif len(line.x) == 1:
            axes.plot(line.x, line.y, "o", color=color, markersize=3.5)
        else:
            axes.plot(line.x, line.y, color=color, linewidth=1.4, solid_joinstyle="round")
    values = np.concatenate([line.y for line in lines]) if lines else np.zeros(0)
    if logarithmic and len(values) and values.min() > 0 and values.max() > 4 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0) if values.max() < 50 * values.min() else (1.0,)))
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.yaxis.set_minor_locator(NullLocator())
    else:
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    if from_zero:
        axes.set_ylim(bottom=0)
    return _svg(figure, title)


def _finite(line: Line) -> Line:
    """The line without the points that cannot be drawn, and not longer than it needs to be."""
    good = np.isfinite(line.x) & np.isfinite(line.y)
    x, y = line.x[good], line.y[good]
    error = None if line.error is None else np.nan_to_num(line.error[good])
    if error is None and len(x) > _POINTS:
        parts = np.array_split(np.arange(len(x)), _POINTS)
        x, y = np.array([x[part].mean() for part in parts]), np.array([y[part].mean() for part in parts])
    return line._replace(x=x, y=y, error=error)


def style(axes: Axes, title: str, x: str, *, ink: str = _INK, rule: str = _RULE) -> None:
    """Gives a panel the look of all panels.

    Args:
        axes: the panel.
        title: what is drawn; stands above the panel.
        x: label of the horizontal axis.
        ink: colour of text; by default it is left to the page.
        rule: colour of the grid; by default it is left to the page.
    """
    axes.patch.set_visible(False)
    axes.set_title(title, loc="left", fontsize=10, color=ink, pad=8)
    axes.set_xlabel(x, fontsize=9, color=ink, loc="right", labelpad=2)
    axes.tick_params(which="both", length=0, labelsize=8.5, labelcolor=ink, pad=5)
    axes.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))
    axes.grid(axis="y", color=rule, linewidth=0.8)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(ink)
        spine.set_linewidth(0.8)
    axes.margins(x=0.015)


def _svg(figure: Figure, title: str) -> Markup:
    """The figure as an element: no metadata, no fixed size, names of its own, the page's colours and fonts."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    start = re.search(r"<svg[^>]*?(viewBox=\"[^\"]*\")[^>]*>", text)
    assert start is not None
    text = f'<svg {start[1]} role="img" aria-label="{Markup.escape(title)}">{text[start.end() :]}'
    for pattern, replacement in _CLEANUP:
        text = pattern.sub(replacement, text)
    text = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), text)  # a hundredth of a pixel
    prefix = re.sub(r"\W+", "-", title)
    text = re.sub(r'\bid="|href="#|url\(#', lambda match: f"{match[0]}{prefix}-", text)
    for color, variable in _VARIABLES.items():
        text = text.replace(color, variable)
    return Markup(text.strip())
