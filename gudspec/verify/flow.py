"""The probability flow of Gaussian data in closed form, without the program."""

from __future__ import annotations

import itertools

import numpy as np

from gudspec.program.segments import Segment
from gudspec.verify.gaussian import GaussianData

__all__ = ["flow", "reached"]


def flow(data: GaussianData) -> np.ndarray:
    """A with χ(1) = A χ(0) along dχ/dt = ½β(V⁻¹ − 1)χ, the probability flow of Gaussian data, without the program.

    Independent components have A = (V(1)/V(0))^½. Else by the classical Runge–Kutta method between the path's kinks,
    whose derivative is taken from differences of γ. What begins to rest with a segment is divided by V^½.
    """
    matrix = np.eye(data.dimensions) if data.full else np.ones(data.dimensions)
    for segment in data.segments:
        own = data.in_segment(segment)
        if segment.halvings:
            matrix = (matrix.T / data.deviation(segment)).T
        if data.full:
            matrix = _continued(own, segment, matrix)
        else:
            matrix = matrix * np.sqrt(own.diffused(segment.stop) / own.diffused(segment.start))
    return matrix


def reached(data: GaussianData) -> np.ndarray:
    """Covariance at t = 0 of the exact flow from V(1): that is V(0), if nothing is dropped on the way.

    Returns:
        [d, d], or [d] of independent components.
    """
    start = data.in_segment(data.segments[-1]).diffused(1.0)
    if len(data.segments) == 1:
        return data.diffused(0.0)
    if not data.full:
        return start / flow(data) ** 2
    back = np.linalg.inv(flow(data))
    result: np.ndarray = back @ start @ back.T
    return result


def _continued(data: GaussianData, segment: Segment, matrix: np.ndarray) -> np.ndarray:
    """The flow up to a segment, continued to its end."""
    first_time, last_time, _ = segment
    kinks = np.clip(np.asarray(data.process.path.breakpoints(data.parameters), np.float64), first_time, last_time)
    coarse = np.unique(np.concatenate([np.linspace(first_time, last_time, 65), kinks.ravel()]).round(7))
    identity = np.eye(data.dimensions)

    def gamma(t: float) -> np.ndarray:
        value = np.asarray(data.process.gamma(np.full(1, t), data.parameters), np.float64)[0]
        return np.broadcast_to(value, data.program.shape).ravel()

    pieces = []
    for start, stop in itertools.pairwise(coarse):  # steps in which no γ moves by more than a little
        count = 2 + int(np.abs(gamma(stop) - gamma(start)).max() / 0.1)
        pieces.append(np.linspace(start, stop, count)[:-1])
    times = np.concatenate([*pieces, coarse[-1:]])
    for start, stop in itertools.pairwise(times):
        first, middle, last = gamma(start), gamma((start + stop) / 2), gamma(stop)
        # dγ at both ends and in the middle, of the parabola through the three
        slopes = ((-3 * first + 4 * middle - last), (last - first), (first - 4 * middle + 3 * last))

        def rate(value: np.ndarray, slope: np.ndarray) -> np.ndarray:
            a2, s2 = np.exp(-np.logaddexp(0, value)), np.exp(-np.logaddexp(0, -value))
            a = np.sqrt(a2)
            inverse = np.linalg.inv(a[:, None] * data.covariance * a + np.diag(s2))
            rates: np.ndarray = 0.5 * (s2 * slope)[:, None] * (inverse - identity)
            return rates

        k1, k2, k4 = (rate(value, slope) for value, slope in zip((first, middle, last), slopes, strict=True))
        b1 = k1 @ matrix
        b2 = k2 @ (matrix + b1 / 2)
        b3 = k2 @ (matrix + b2 / 2)
        b4 = k4 @ (matrix + b3)
        matrix = matrix + (b1 + 2 * b2 + 2 * b3 + b4) / 6
    return matrix
