"""Stages of ever wider blur."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.attenuated import Attenuated
from gudspec.process.paths.base import Path
from gudspec.process.paths.interpolation import piecewise_linear

__all__ = ["ProgressiveBlur"]


@dataclass(frozen=True, eq=False)
class ProgressiveBlur(Attenuated):
    """ν_i = (1 − u) g_i^k + u g_i^(k+1) in stage k, g_i^k = e^(−λ_i s_k²/2): an image turns into its blurred self.

    f-DM (arXiv:2210.04955): x_t = α((1 − u) x^k + u x^(k+1)) + σε, x^k blurred with a Gaussian of width s_k. In the dct
    basis a blur with insulated edges is diagonal. Where ν is at the residual it stays there, so that γ is finite.

    Args:
        groups: components of one λ.
        base: γ(t), which all components share.
        rates: λ per group, [G].
        times: ends of the stages, [K + 1], the first 0.
        widths: s_k at these times in pixels, [K + 1], the first 0.
        residual: the smallest ν.
    """

    groups: Groups
    base: Path
    rates: np.ndarray
    times: np.ndarray
    widths: np.ndarray
    residual: float

    def _transfer(self) -> np.ndarray:
        """The attenuation g per stage end and group, [K + 1, G]."""
        transfer: np.ndarray = np.exp(-0.5 * self.rates * self.widths[:, None] ** 2)
        return transfer

    def loss(self, t: Array) -> tuple[Array, Array]:
        """−2 log ν and its time derivative, per group [b, G]."""
        xp = namespace(t)
        value, slope = piecewise_linear(t, self.times, -self._transfer())
        floored = xp.maximum(-value, self.residual)
        return -2 * xp.log(floored), xp.where(-value > self.residual, 2 * slope / floored, 0.0)

    def breakpoints(self, parameters: Parameters) -> Array:
        """Kinks of the shared γ, ends of the stages, and when each group reaches the residual, [B + K + 1 + G]."""
        reached = [np.interp(-self.residual, -column, self.times) for column in self._transfer().T]
        shared = self.base.breakpoints(parameters)
        xp = namespace(shared)
        return xp.concatenate([shared, xp.asarray(self.times), xp.asarray(reached)])
