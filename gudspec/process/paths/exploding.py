"""Variance-exploding processes: noise of growing σ on a signal that is not attenuated."""

import math
from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path
from gudspec.process.paths.scalar import Linear

__all__ = ["Edm", "geometric"]


@dataclass(frozen=True, eq=False)
class Edm(Path):
    """γ = 2 log σ, σ(t) = (σ_min^(1/ρ) + t (σ_max^(1/ρ) − σ_min^(1/ρ)))^ρ: the σ grid of EDM, read as a path.

    Elucidating the Design Space of Diffusion-Based Generative Models (arXiv:2206.00364), eq. 5, which counts i/(N − 1)
    from noise to data: t = 1 − i/(N − 1). The signal is not attenuated there; dividing χ by √(1 + σ²), which EDM does
    to the network's input, gives the same γ. σ is in units of the prior's scale S; with S = 1 it is the published one,
    for images in [−1, 1] (whose standard deviation the paper takes to be 0.5).

    >>> import numpy as np
    >>> path = Edm(Groups.single((1, 1, 1)), 0.002, 80.0, 7.0)
    >>> np.exp(0.5 * path.gamma(np.array([0.0, 0.5, 1.0]), {})).round(4).ravel().tolist()
    [0.002, 2.5152, 80.0]
    """

    groups: Groups
    sigma_min: float
    sigma_max: float
    rho: float

    def _root(self, t: Array) -> tuple[Array, float]:
        """σ^(1/ρ) and its derivative."""
        low, high = self.sigma_min ** (1 / self.rho), self.sigma_max ** (1 / self.rho)
        return low + t[:, None] * (high - low), high - low

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        root = self._root(t)[0]
        return 2 * self.rho * namespace(root).log(root)

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt [b, 1]."""
        root, slope = self._root(t)
        return 2 * self.rho * slope / root


def geometric(groups: Groups, sigma_min: float, sigma_max: float) -> Linear:
    """The VE SDE, σ(t) = σ_min (σ_max/σ_min)^t: linear in γ = 2 log σ.

    Score-Based Generative Modeling (arXiv:2011.13456), eq. 30 and App. C. σ is in units of the prior's scale S.
    """
    return Linear(groups, 2 * math.log(sigma_min), 2 * math.log(sigma_max))
