"""Wavelet levels that are given up one after the other, the finest first."""

import abc
import math
from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.bases.haar import wavelet_levels
from gudspec.process.groups import Groups
from gudspec.process.paths.attenuated import Attenuated
from gudspec.process.paths.base import Path

__all__ = ["AveragePool", "Dvdp", "Subspace", "dropped_levels"]


def dropped_levels(shape: tuple[int, int, int], levels: int, dropped: int) -> Groups:
    """The finest Haar levels, a group each and the finest first; the last group is all that is kept.

    >>> dropped_levels((4, 4, 1), 2, 1).index[:, :, 0]
    array([[1, 1, 0, 0],
           [1, 1, 0, 0],
           [0, 0, 0, 0],
           [0, 0, 0, 0]])
    """
    return Groups.of(np.minimum(levels - wavelet_levels(shape, levels), dropped))


@dataclass(frozen=True, eq=False)
class _Staged(Attenuated):
    """Attenuation of each dropped level during a window of time, in which u runs from 0 to 1.

    A published process takes ν to 0, where γ is infinite. Here ν ends at a finite residual and stays there.

    Args:
        groups: from `dropped_levels`; the last one is kept.
        base: γ(t), which all components share.
        start: of the windows, per dropped level [G − 1].
        stop: of the windows, per dropped level [G − 1].
        residual: what is left of a level, in (0, 1).
    """

    groups: Groups
    base: Path
    start: Array
    stop: Array
    residual: float

    @abc.abstractmethod
    def _shape(self, u: Array) -> tuple[Array, Array]:
        """−2 log ν and its derivative, of the place u in the window."""

    def loss(self, t: Array) -> tuple[Array, Array]:
        """−2 log ν and its time derivative, per group [b, G]."""
        xp = namespace(t, self.start)
        u, end = (t[:, None] - self.start) / (self.stop - self.start), self._end()
        value, slope = self._shape(xp.clip(u, 0, end))
        slope = xp.where((u >= 0) & (u <= end), slope / (self.stop - self.start), 0.0)
        kept = xp.zeros_like(t[:, None])
        return xp.concatenate([value, kept], axis=1), xp.concatenate([slope, kept], axis=1)

    def _end(self) -> float:
        """The u at which ν has its residual."""
        return 1.0

    def breakpoints(self, parameters: Parameters) -> Array:
        """Kinks of the shared γ, then starts and ends of the attenuation, [K + 2G − 2]."""
        shared = self.base.breakpoints(parameters)
        xp = namespace(shared, self.start)
        own = (self.start, self.start + self._end() * (self.stop - self.start))
        return xp.concatenate([shared, *(xp.asarray(times) for times in own)])


class Dvdp(_Staged):
    """ν = residual^(u²(3 − 2u)): attenuated smoothly from one turning point to the next.

    Dimensionality-Varying Diffusion Process (arXiv:2211.16032), where α_i = λ̄_i and σ_i = σ̄: any λ̄ that is about 0 at
    the turning point will do. This one has a continuous derivative at both ends, and so no breakpoints of its own.
    """

    def _shape(self, u: Array) -> tuple[Array, Array]:
        depth = -2 * math.log(self.residual)
        return depth * u**2 * (3 - 2 * u), depth * 6 * u * (1 - u)

    def breakpoints(self, parameters: Parameters) -> Array:
        """Kinks of the shared γ."""
        return self.base.breakpoints(parameters)


class AveragePool(_Staged):
    """ν = 1 − u: the mean of the noisy image moves in a straight line from an image to its average-pooled self.

    f-DM (arXiv:2210.04955): x_t = α((1 − u) x^k + u x̂^k) + σε, x̂^k the pooled x^k enlarged again. Pooling leaves LL
    alone and removes the details, so γ_HF = γ_LL − 2 log(1 − u), until 1 − u is at the residual.
    """

    def _end(self) -> float:
        return 1 - self.residual

    def _shape(self, u: Array) -> tuple[Array, Array]:
        return -2 * namespace(u).log1p(-u), 2 / (1 - u)


class Subspace(_Staged):
    """ν = residual^u in a short window: γ is shared, until a level is dropped and is prior noise at once.

    Subspace Diffusion Generative Models (arXiv:2205.01490). Dropping is a jump there. A path is continuous, so that
    the level is noised within the window, at a γ̇ of −2 log residual over its length.
    """

    def _shape(self, u: Array) -> tuple[Array, Array]:
        depth = -2 * math.log(self.residual)
        return depth * u, depth * namespace(u).ones_like(u)
