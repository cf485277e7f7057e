"""When images may be extended column by column: the times at which a window begins (GUD, App. C). Free of JAX."""

from __future__ import annotations

from gudspec.process.arrays import Array, namespace

__all__ = ["exact_times", "window_time"]


def exact_times(b: float, count: int, stride: int, order: int = 1) -> tuple[float, float] | None:
    """The times between which extension draws from the very density of longer images.

    1 − b + b(k − 1)/(L − 1) ≤ t ≤ min(1, b(L − m)/(L − 1)) and t ≥ kb/(L − 1): below, the path is not yet at the noise
    that is appended, above, what is cut off is not done. Needs data that looks the same everywhere, and whose columns
    depend on no more than the m before them.

    Args:
        b: inverse softness of the sequential path.
        count: L, columns of an image.
        stride: k, columns that are cut off and appended.
        order: m.

    Returns:
        First and last such time; None if there is none, that is if b < (L − 1)/(2L − m − k).

    >>> exact_times(0.5, 32, 9) is None
    True
    >>> [round(t, 3) for t in exact_times(0.6, 32, 9)]
    [0.555, 0.6]
    """
    low = max(1 - b + b * (stride - 1) / (count - 1), stride * b / (count - 1))
    high = min(1.0, b * (count - order) / (count - 1))
    return (low, high) if low <= high else None


def window_time(b: Array, count: int, stride: int) -> Array:
    """The time t at which windows begin, if none is given.

    Args:
        b: inverse softness; may be traced.
        count: L, columns of an image.
        stride: k.

    Returns:
        The middle of the times at which the method is exact; where there are none, the last at which what is cut off is
        done.
    """
    xp = namespace(b)
    low = xp.maximum(1 - b + b * (stride - 1) / (count - 1), stride * b / (count - 1))
    high = xp.minimum(1.0, b)
    return xp.where(low <= high, (low + high) / 2, high)
