"""All pictures of a design, as files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gudspec.program.design import Statistics
from gudspec.report.pictures.forward import forward
from gudspec.report.pictures.region import region
from gudspec.report.pictures.schedule import schedule
from gudspec.report.pictures.spectrum import spectrum
from gudspec.report.pictures.windows import windows
from gudspec.report.view import View
from gudspec.spec.models import Experiment
from gudspec.spec.stage import learned_stage

__all__ = ["PICTURES", "draw"]

PICTURES: dict[str, Callable[[View, np.ndarray, str], Figure]] = {
    "schedule": lambda view, images, title: schedule(view, title),
    "region": lambda view, images, title: region(view, title),
    "windows": lambda view, images, title: windows(view, title),
    "forward": forward,
    "spectrum": lambda view, images, title: spectrum(view, title),
}
"""Every picture, by the name of its file."""


def draw(
    folder: str | os.PathLike[str], experiment: Experiment, statistics: Statistics, images: np.ndarray
) -> list[Path]:
    """Writes the pictures of a design as PNG.

    Args:
        folder: where to; created if needed.
        experiment: the spec; its parameters are taken at their nominal values.
        statistics: what its process knows of the data.
        images: some images to be noised, [n, H, W, C] in [−1, 1].

    Returns:
        The files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    view, design = View(experiment, statistics), experiment.design
    kinds = f"{design.basis.kind} basis, {design.prior.kind} prior, {design.schedule.kind} schedule"
    if (stage := learned_stage(design)) is not None:  # the pictures show what images would be
        kinds += f"; from t = {stage.turning:g} on in latents, which are not shown"
    files = []
    for name, picture in PICTURES.items():
        path = folder / f"{name}.png"
        picture(view, images, f"{experiment.name} ({kinds})").savefig(
            path, metadata={"Software": None}, pil_kwargs={"optimize": True}
        )
        files.append(path)
    return files
