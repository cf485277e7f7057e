"""Runs side by side, for people: one HTML file that needs nothing but itself, or a few tables for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
from markupsafe import Markup

from gudspec.report.comparison import Comparison, Likelihood
from gudspec.report.figures import Line, chart, shades
from gudspec.report.numbers import duration, place, real
from gudspec.report.page import fill
from gudspec.report.reading import Run
from gudspec.report.samples import shown

__all__ = ["NOTE", "cells", "costs", "measured", "render_comparison", "warnings"]

NOTE = "Lower is better. ± is one standard error of the mean over images; ★ is the best, ≈ within two errors of it."


def render_comparison(comparison: Comparison) -> str:
    """The page of a comparison, as HTML.

    Args:
        comparison: the runs.
    """
    colors = shades(len(comparison.runs))
    return fill(
        "comparison.html.jinja",
        runs=list(zip(colors, comparison.labels, comparison.workdirs, strict=True)),
        differences=[(path, [value or "—" for value in values]) for path, values in comparison.differences],
        likelihoods=[
            (measured(row), list(zip(cells(comparison, row), _bests(comparison, row), strict=True)))
            for row in comparison.likelihoods
        ],
        note=NOTE,
        costs=costs(comparison),
        charts=list(_curves(comparison.runs, colors)),
        samples=list(_samples(comparison)),
        warnings=list(warnings(comparison)),
    )


def warnings(comparison: Comparison) -> Iterator[str]:
    """What keeps numbers from being compared."""
    if not comparison.same_data:
        yield "The specs name different data: bits/dim cannot be compared, and no best is marked."
    if not comparison.same_objective:
        yield "Data, design or objective differ, and with them what the loss is an average of: compare its course only."
    if len({str(run.provenance.get("devices")) for run in comparison.runs}) > 1:
        yield "The runs had different devices: so may be their speed."


def measured(row: Likelihood) -> str:
    """What a row of likelihoods is about."""
    return f"{row.name} · {place(row.at)} · {row.kind}, {row.images:,} {row.split}"


def cells(comparison: Comparison, row: Likelihood) -> list[str]:
    """A row of likelihoods, a text for each run."""
    best, texts = comparison.best(row), []
    for index, value in enumerate(row.values):
        if value is None:
            texts.append("—")
            continue
        text = "not finite" if value.value is None else f"{value.value:.4f}"
        text += "" if value.standard_error is None else f" ± {value.standard_error:.4f}"
        mark = " ★" if index == best else " ≈" if best is not None and row.close(index) else ""
        texts.append(text + mark)
    return texts


def _bests(comparison: Comparison, row: Likelihood) -> list[bool]:
    return [index == comparison.best(row) for index in range(len(row.values))]


def costs(comparison: Comparison) -> list[tuple[str, list[str]]]:
    """What each run took: name and a text for each run."""

    def texts(key: str, form: str) -> list[str]:
        values = (real(run.summary.get(key)) for run in comparison.runs)
        return ["—" if value is None else format(value, form) for value in values]

    times = (real(run.summary.get("wall_seconds")) for run in comparison.runs)
    return [
        ("Steps", texts("steps", ",.0f")),
        ("Parameters", texts("parameters", ",.0f")),
        ("Images/s", texts("images_per_second", ",.0f")),
        ("Training time", ["—" if seconds is None else duration(seconds) for seconds in times]),
        ("Devices", [_devices(run) for run in comparison.runs]),
        ("Gaussian baseline, bits/dim", texts("gaussian_bits_per_dim", ".4f")),
    ]


def _devices(run: Run) -> str:
    kinds = Counter(str(device).rpartition(" ")[0] or str(device) for device in run.provenance.get("devices") or [])
    return ", ".join(f"{count} × {kind}" for kind, count in kinds.items()) or "—"


def _curves(runs: list[Run], colors: list[int]) -> Iterator[Markup]:
    """The loss of all runs in one panel, by steps and by the time that they took."""
    by_step, by_time = [], []
    for run, color in zip(runs, colors, strict=True):
        lines = [line for line in run.metrics if isinstance(line.get("loss"), int | float)]
        if lines:
            loss = np.array([line["loss"] for line in lines], float)
            by_step.append(Line(np.array([line["step"] for line in lines], float), loss, color))
            by_time.append(Line(np.cumsum([line.get("seconds", 0.0) for line in lines]) / 60, loss, color))
    if by_step:
        yield chart(by_step, title="Loss", x="step", logarithmic=True)
        yield chart(by_time, title="Loss by time", x="minutes", logarithmic=True)


def _samples(comparison: Comparison) -> Iterator[dict[str, Any]]:
    """The pictures of one name, of the runs that have it; names that only one has come last."""
    names = Counter(picture.name for run in comparison.runs for picture in run.pictures)
    for name, count in sorted(names.items(), key=lambda item: item[1] == 1):
        pictures = [
            {"label": label, "picture": shown(picture, run)}
            for label, run in zip(comparison.labels, comparison.runs, strict=True)
            for picture in run.pictures
            if picture.name == name
        ]
        yield {"name": name, "pictures": pictures, "shared": count > 1}
