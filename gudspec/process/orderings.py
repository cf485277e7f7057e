"""Orderings: the variable l that says which components are generated first (small l first)."""

import abc
from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace

__all__ = ["Fixed", "Mixture", "Ordering"]


class Ordering(abc.ABC):
    """An ordering variable per group; it may depend on parameters of the schedule."""

    @abc.abstractmethod
    def values(self, parameters: Parameters) -> Array:
        """The ordering variable l per group, [G]."""


@dataclass(frozen=True, eq=False)
class Fixed(Ordering):
    """Given numbers: columns, rows, −log Σ.

    Args:
        order: l per group, [G].
    """

    order: Array

    def values(self, parameters: Parameters) -> Array:
        """The numbers themselves."""
        return self.order


@dataclass(frozen=True, eq=False)
class Mixture(Ordering):
    """l = (1 − r)(−log Σ) + r(|k| + δ)/κ, with κ and δ such that l spans one range at r = 0 and r = 1 (GUD, Fig. 5).

    κ = Δ|k| / Δ(−log Σ) and δ = κ min(−log Σ) − min|k|, Δ the range over groups. A flat spectrum (Δ(−log Σ) = 0) has
    only one value to offer, and l is that value for every r.

    Parameters: `ordering.r` in [0, 1]; without it, r is `default_r`.

    Args:
        neg_log_variance: −log Σ per group [G], of the unwhitened components.
        frequency: |k| per group, [G].
        default_r: r where the schedule has no parameter of that name.
    """

    neg_log_variance: Array
    frequency: Array
    default_r: float = 1.0

    def values(self, parameters: Parameters) -> Array:
        """The ordering variable l per group, [G]."""
        r = parameters.get("ordering.r", self.default_r)
        xp = namespace(self.neg_log_variance, self.frequency)
        lowest, spread = xp.min(self.neg_log_variance), xp.ptp(self.neg_log_variance)
        # (|k| + δ)/κ, written without κ: it stays defined when either range is zero
        relative = (self.frequency - xp.min(self.frequency)) / xp.maximum(xp.ptp(self.frequency), 1e-12)
        return (1 - r) * self.neg_log_variance + r * (lowest + spread * relative)
