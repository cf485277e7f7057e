"""Priors: the diagonal scale S of GUD, eq. (11), where it is more than a number or the data's own."""

from gudspec.process.arrays import Array, namespace

__all__ = ["power_law"]


def power_law(frequency: Array, exponent: float, cutoff: float, mean_square: Array | float) -> Array:
    """S = s·max(|k|, k_0)^(−p), with s such that the mean of S² is given.

    The spectrum of photographs is near p = 1 (Field, J. Opt. Soc. Am. A 4, 2379 (1987)).

    >>> import numpy as np
    >>> power_law(np.array([0.0, 1.0, 2.0]), 1.0, 1.0, 3.0).round(3)
    array([2., 2., 1.])

    Args:
        frequency: |k| per component, of any shape.
        exponent: p.
        cutoff: k_0 > 0.
        mean_square: mean of S² over the components.
    """
    xp = namespace(frequency, mean_square)
    # relative to k_0 the largest is 1: nothing overflows
    law = (xp.maximum(frequency, cutoff) / cutoff) ** -exponent
    return law * xp.sqrt(mean_square / xp.mean(law**2))
