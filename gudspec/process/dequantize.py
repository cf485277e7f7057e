"""Integers to real numbers and back. Pure, and written for the arrays of any library: NumPy in, NumPy out."""

import math
from typing import Any, Literal

__all__ = ["bits_offset", "noise_variance", "quantize", "scale"]


def scale(pixels: Any, levels: int | None, u: Any) -> Any:
    """Maps quantized pixels into [−1, 1]: (x + u)/levels·2 − 1 (GUD, arXiv:2410.02667, App. B).

    Args:
        pixels: [..., H, W, C], integers in [0, levels).
        levels: grey levels; None returns the real-valued `pixels` unchanged.
        u: uniform noise in [0, 1) like `pixels`, or ½ for the centres of the bins.

    Returns:
        [..., H, W, C], of the type of u.

    >>> import numpy as np
    >>> scale(np.array([0, 255], np.uint8), 256, 0.5)
    array([-0.99609375,  0.99609375])
    """
    return pixels if levels is None else (pixels + u) * (2 / levels) - 1


def quantize(x: Any, levels: int) -> Any:
    """Undoes `scale`: the grey level whose bin contains x, clipped to the levels there are.

    Args:
        x: real-valued images [..., H, W, C].
        levels: grey levels, at most 256.

    Returns:
        uint8 [..., H, W, C].

    >>> import numpy as np
    >>> quantize(np.array([-7.0, -1.0, 0.0, 0.999, 1.0]), 256)
    array([  0,   0, 128, 255, 255], dtype=uint8)
    """
    xp = x.__array_namespace__()
    return xp.astype(xp.clip(xp.floor((x + 1) * (levels / 2)), 0, levels - 1), xp.uint8)


def bits_offset(levels: int | None) -> float:
    """What `scale` adds to bits/dim: log2(levels/2), so that −log2 p counts bits of the integers.

    >>> bits_offset(256), bits_offset(None)
    (7.0, 0.0)
    """
    return 0.0 if levels is None else math.log2(levels / 2)


def noise_variance(levels: int | None, dequantize: Literal["uniform", "none"]) -> float:
    """Variance that the dequantization noise adds to every scaled pixel: (2/levels)²/12.

    >>> noise_variance(2, "uniform") == 1 / 12
    True
    """
    return 0.0 if levels is None or dequantize == "none" else (2 / levels) ** 2 / 12
