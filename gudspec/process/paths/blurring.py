"""Blurring diffusion: heat dissipation of the cosine components, and noise."""

import math
from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.attenuated import Attenuated
from gudspec.process.paths.base import Path

__all__ = ["Blurring", "dissipation_rates"]


def dissipation_rates(shape: tuple[int, int, int]) -> np.ndarray:
    """λ_nm = (πn/H)² + (πm/W)² of every component [H, W, C] of the dct basis.

    >>> (dissipation_rates((2, 2, 1))[:, :, 0] / np.pi**2).tolist()
    [[0.0, 0.25], [0.25, 0.5]]
    """
    rows, columns = ((np.pi * np.arange(size) / size) ** 2 for size in shape[:2])
    return np.broadcast_to((rows[:, None] + columns)[:, :, None], shape).copy()


@dataclass(frozen=True, eq=False)
class Blurring(Attenuated):
    """ν_i = (1 − d_min) e^(−λ_i τ) + d_min, τ(t) = ½ (σ_blur sin²(πt/2))².

    Blurring Diffusion Models (arXiv:2209.05557), §4 and App. A; d_min keeps every component finite.

    Args:
        groups: components of one λ.
        base: γ(t) = −log snr(t); the paper's is the cosine schedule rescaled to log snr in [−10, 10].
        rates: λ per group, [G].
        blur: σ_blur in pixels, the width of the blur at t = 1.
        d_min: what is left of the finest components.
    """

    groups: Groups
    base: Path
    rates: Array
    blur: float
    d_min: float

    def loss(self, t: Array) -> tuple[Array, Array]:
        """−2 log ν and its time derivative, per group [b, G]."""
        xp = namespace(t, self.rates)
        rise = xp.sin(0.5 * math.pi * t[:, None]) ** 2
        time, speed = 0.5 * (self.blur * rise) ** 2, self.blur**2 * rise * 0.5 * math.pi * xp.sin(math.pi * t[:, None])
        decayed = (1 - self.d_min) * xp.exp(-self.rates * time)
        scale = decayed + self.d_min
        return -2 * xp.log(scale), 2 * self.rates * speed * decayed / scale
