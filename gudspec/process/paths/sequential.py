"""One group after the other."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.orderings import Ordering
from gudspec.process.paths.base import Windowed

__all__ = ["Sequential"]


@dataclass(frozen=True, eq=False)
class Sequential(Windowed):
    """GUD, eq. (22): group i of L is noised during [t_i, t_i + 1 − b], t_i = b (L − i)/(L − 1).

    Group L is noised first and group 1 generated first. No two groups overlap once b ≥ (L − 1)/L.

    Parameters: `inverse_softness` is b in [0, 1).

    Args:
        groups: components that share γ.
        ordering: its ranks number the groups, the smallest value is group 1.
        gamma_min: γ of a clean group.
        gamma_max: γ of a noised group.
    """

    groups: Groups
    ordering: Ordering
    gamma_min: Array
    gamma_max: Array

    def windows(self, parameters: Parameters) -> tuple[Array, Array]:
        """Start and stop per group, each [G]; a single group has the whole of [0, 1 − b]."""
        order = self.ordering.values(parameters)
        xp = namespace(order)
        b = parameters["inverse_softness"]
        rank = xp.searchsorted(xp.sort(order), order)  # equal values of the ordering share a window
        last = xp.maximum(rank.max(), 1)
        start = b * xp.where(rank.max() > 0, (last - rank) / last, 0.0)
        return start, start + (1 - b)
