"""Paths that are trained together with the network."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path
from gudspec.process.paths.interpolation import piecewise_linear

__all__ = ["Learned"]


@dataclass(frozen=True, eq=False)
class Learned(Path):
    """γ_g(t) piecewise linear in K equal pieces, which rise by shares of γ_max − γ_min that are learned.

        γ_g(k/K) = γ_min + (γ_max − γ_min) Σ_{j≤k} s_gj / Σ_j s_gj,   s = softplus(w)

    Monotone with fixed end points for every w, so that the variational bound, a path integral over γ̇ (GUD, §4.4), may
    be lowered by its gradient in w (as Variational Diffusion Models, arXiv:2107.00630, App. D, learn a scalar one).
    Equal w give straight lines.

    Args:
        groups: components that share γ.
        rises: w, [K, G].
        gamma_min: γ at t = 0 of every group.
        gamma_max: γ at t = 1 of every group.
    """

    groups: Groups
    rises: Array
    gamma_min: Array
    gamma_max: Array

    def _knots(self) -> tuple[Array, Array]:
        """Times [K + 1] and values [K + 1, G]."""
        xp = namespace(self.rises, self.gamma_min, self.gamma_max)
        share = xp.logaddexp(xp.zeros_like(self.rises), self.rises)
        share = share / xp.sum(share, axis=0)
        done = xp.concatenate([xp.zeros_like(share[:1]), xp.cumsum(share, axis=0)])
        return self.breakpoints({}), self.gamma_min + (self.gamma_max - self.gamma_min) * done

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        return piecewise_linear(t, *self._knots())[0]

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G]; at a knot, the larger of the two one-sided derivatives."""
        return piecewise_linear(t, *self._knots())[1]

    def breakpoints(self, parameters: Parameters) -> Array:
        """The times of the knots, [K + 1]."""
        return np.linspace(0, 1, len(self.rises) + 1)
