"""The basis and the path: do they keep their laws on this spec?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gudspec.verify.check import Check
from gudspec.verify.gaussian import GaussianData

__all__ = ["check_basis", "check_path"]

_VISIBLE = 0.02
"""Bits/dim that a reader of a table of likelihoods would notice."""


def check_basis(data: GaussianData) -> Iterator[Check]:
    """Inverse, norm, whiteness, and how much correlation the diagonal process leaves out."""
    shape, process = data.program.shape, data.process
    x = np.random.default_rng(0).normal(size=(64, *shape)).astype(np.float32)
    components = np.asarray(process.basis.forward(x))
    error = float(np.abs(np.asarray(process.basis.inverse(components)) - x).max())
    yield Check("basis: inverse(forward(x)) − x", 0.0, error, 1e-4)
    ratio = np.sqrt((components**2).sum() / (x**2).sum())
    yield Check("basis: norm of components / norm of images", 1.0, float(ratio), 1e-4)
    round_trip = np.asarray(process.to_images(process.to_components(x)))
    yield Check("prior: images → χ → images", 0.0, float(np.abs(round_trip - x).max()), 1e-3)
    if data.full:
        size = data.dimensions
        matrix = np.asarray(process.basis.forward(np.eye(size, dtype=np.float32).reshape(size, *shape)))
        gram = matrix.reshape(size, size).T @ matrix.reshape(size, size)
        error = float(np.abs(gram - np.eye(size)).max())
        yield Check("basis: white noise stays white, |UUᵀ − 1|", 0.0, error, 1e-4)
        deviation = np.sqrt(np.diag(data.covariance))
        correlation = data.covariance / deviation / deviation[:, None] - np.eye(size)
        note = "0 where the basis diagonalizes the data; the network has to learn what is left"
        yield Check("basis: largest correlation left", None, float(np.abs(correlation).max()), None, note)


def check_path(data: GaussianData) -> Iterator[Check]:
    """Monotone, its derivative true, and its two ends far enough."""
    path, at = data.process.path, data.parameters
    t = np.linspace(0, 1, 1025, dtype=np.float32)
    # a wide path has many groups: a few hundred tell of all
    rows = np.unique(np.linspace(0, path.groups.count - 1, 256).astype(int))
    gamma = np.concatenate([np.asarray(path.gamma(t[i : i + 64], at), np.float64)[:, rows] for i in range(0, 1025, 64)])
    backwards = float(np.maximum(gamma[:-1] - gamma[1:], 0).max())
    yield Check("path: largest step backwards of γ", 0.0, backwards, 1e-4)
    slope = np.concatenate(
        [np.asarray(path.gamma_dot(t[i : i + 64], at), np.float64)[:, rows] for i in range(0, 1025, 64)]
    )
    kinks = np.asarray(path.breakpoints(at), np.float64).ravel()
    inside = (kinks > -1e-4) & (kinks < 1 + 1e-4)
    yield Check("path: breakpoints outside of [0, 1]", 0.0, float((~inside).sum()), 0.5)
    clean = np.ones(1024, bool)
    cell = np.clip((kinks[:, None] * 1024 + np.array([-1.0, 0.0, 1.0])).ravel(), 0, 1023).astype(int)
    clean[cell] = False
    trapezoid = 0.5 * (slope[1:] + slope[:-1]) / 1024
    steep = np.abs(np.diff(slope, axis=0)) / 1024  # bounds the trapezoid's own error
    wrong = np.maximum(np.abs(np.diff(gamma, axis=0) - trapezoid) - steep, 0)[clean]
    yield Check("path: γ against the integral of γ̇, off the kinks", 0.0, float(wrong.max(initial=0.0)), 1e-3)
    signal, _ = data.coefficients(1.0)
    _, noise = data.coefficients(0.0)
    yield Check("path: smallest σ at t = 1", None, float(np.sqrt(1 - signal).min()), None)
    yield Check("path: largest σ at t = 0", None, float(np.sqrt(noise).max()), None)
    note = "bits/dim lost because the path does not start at clean data: lower γ at t = 0"
    yield Check("path: start gap", 0.0, data.start_gap, _VISIBLE, note)
    for segment in data.segments[1:]:
        note = "bits/dim lost because what was dropped is drawn by itself: drop it later"
        yield Check(f"path: dropped at t = {segment.start:g}", 0.0, data.lost(segment), _VISIBLE, note)
    note = "bits/dim lost because the path does not end in the prior: raise γ at t = 1"
    yield Check("path: prior gap", 0.0, data.prior_gap, _VISIBLE, note)
