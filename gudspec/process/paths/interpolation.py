"""Piecewise linear functions of time."""

from gudspec.process.arrays import Array, namespace

__all__ = ["piecewise_linear"]


def piecewise_linear(t: Array, times: Array, values: Array) -> tuple[Array, Array]:
    """The function through non-decreasing values at given times, and its derivative; constant before and after.

    >>> import numpy as np
    >>> times, values = np.array([0.0, 0.5, 1.0]), np.array([[0.0], [1.0], [4.0]])
    >>> value, slope = piecewise_linear(np.array([0.25, 0.5]), times, values)
    >>> value.tolist(), slope.tolist()
    ([[0.5], [1.0]], [[2.0], [6.0]])

    Args:
        t: where, [b].
        times: the knots, [K], increasing.
        values: at the knots, per group, [K, G].

    Returns:
        Values and derivatives [b, G]; at a knot, the larger of the two one-sided derivatives.
    """
    xp = namespace(t, times, values)
    left, right = times[:-1], times[1:]
    slopes = (values[1:] - values[:-1]) / (right - left)[:, None]
    covered = xp.clip(t[:, None] - left, 0, right - left)[:, :, None]
    active = ((t[:, None] >= left) & (t[:, None] <= right))[:, :, None]
    return values[0] + xp.sum(covered * slopes, axis=1), xp.max(xp.where(active, slopes, 0.0), axis=1)
