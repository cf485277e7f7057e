"""Samplers of one run side by side: how near their images are to the data, and to each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from gudspec.process.process import Process
from gudspec.program.design import Statistics
from gudspec.report.numbers import place
from gudspec.report.reading import Picture, Run
from gudspec.report.samples import entry_of, sampler_name
from gudspec.report.view import View
from gudspec.spec.models.bases import PcaBasis, spatial
from gudspec.spec.models.results import Sample
from gudspec.spec.models.tasks import Generate

__all__ = ["compared", "frechet_distance"]

_FEWEST = 64
"""Of fewer images the moments say little."""


def compared(run: Run) -> list[dict[str, Any]]:
    """A row for each drawing from noise alone, in the order of the spec; nothing if there is only one."""
    found = [(picture, entry) for picture in run.pictures if (entry := _from_noise(picture, run)) is not None]
    if len(found) < 2:
        return []
    process = _diagonal(run)
    rows = []
    for picture, entry in found:
        images = picture.images
        distance = None
        if process is not None and run.statistics is not None and len(images) >= _FEWEST:
            distance = frechet_distance(images, process, run.statistics)
        reference = _finest(entry, picture, found)
        apart = None if reference is None else float(np.sqrt(np.mean((images - reference.images) ** 2)))
        rows.append(
            {
                "name": picture.name,
                "at": place(picture.facts.get("at") or {}),
                "sampler": sampler_name(entry),
                "evaluations": _count(entry) or "adaptive",
                "images": f"{len(images):,}",
                "frechet": "" if distance is None else f"{distance:.3g}",
                "finest": "" if apart is None else f"{apart:.3g}",
            }
        )
    return rows


def frechet_distance(images: np.ndarray, process: Process, statistics: Statistics) -> float:
    """Wasserstein-2 distance of the Gaussians with the moments of images and of the training data, relative.

    W² = ‖m‖² + tr(A + B − 2 (B^½ A B^½)^½) over tr B (Gelbrich, 1990), with m and A the mean and the covariance of the
    components of the images, and B the data's, which is diagonal. It is the FID without a network of features.

    Args:
        images: [n, H, W, C] in [−1, 1].
        process: gives the basis; components of the data are uncorrelated in it.
        statistics: of the training data.
    """
    components = (np.asarray(process.to_components(images.astype(float))) * process.scale).reshape(len(images), -1)
    spread = np.sqrt(np.asarray(statistics.variance, float)).ravel()
    mean, covariance = components.mean(axis=0), np.cov(components.T)
    inner = np.linalg.eigvalsh(spread[:, None] * covariance * spread)
    squared = mean @ mean + np.trace(covariance) + spread @ spread - 2 * np.sqrt(np.maximum(inner, 0)).sum()
    return float(np.sqrt(max(squared, 0.0) / (spread @ spread)))


def _from_noise(picture: Picture, run: Run) -> Sample | None:
    """The entry of a picture of images that were drawn from noise alone, and of all classes."""
    entry = entry_of(picture, run)
    plain = entry is not None and isinstance(entry.task, Generate) and entry.labels is None and entry.guidance == 1
    return entry if plain and picture.numbers is not None else None


def _diagonal(run: Run) -> Process | None:
    """The process, if the data's components are uncorrelated in its basis: principal components of all colours."""
    if run.experiment is None or run.statistics is None:
        return None
    basis = spatial(run.experiment.design.basis)
    whole = isinstance(basis, PcaBasis) and (basis.colors == "mixed" or run.statistics.mean.shape[-1] == 1)
    return View(run.experiment, run.statistics, run.rises).process if whole else None


def _count(entry: Sample) -> int:
    """Evaluations, without those at the path's kinks; 0 of a solver that chooses its own."""
    return (entry.sampler.count or 0) * entry.sampler.evaluations_per_step


def _finest(entry: Sample, picture: Picture, found: list[tuple[Picture, Sample]]) -> Picture | None:
    """The other drawing from the same noise, at the same parameters, that took the most evaluations."""
    alike = [
        (other_picture, other)
        for other_picture, other in found
        if entry.noise is not None
        and other.noise == entry.noise
        and other_picture.shapes["images"] == picture.shapes["images"]
        and other_picture.facts.get("at") == picture.facts.get("at")
    ]
    best = max(alike, key=lambda one: _count(one[1]), default=None)
    return None if best is None or best[0].name == picture.name else best[0]
