"""Wavelet levels one after the other, and columns inside each level."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, Parameters
from gudspec.process.bases.haar import wavelet_columns, wavelet_levels
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Windowed

__all__ = ["Hierarchical", "level_columns"]


def level_columns(shape: tuple[int, int, int], levels: int, separate_low: bool) -> tuple[Groups, np.ndarray]:
    """The groups of the hierarchical schedule: columns of each level of the Haar layout.

    Args:
        shape: the image, (H, W, C).
        levels: N, levels of the Haar basis.
        separate_low: whether LL(N) is a level of its own; else it shares the coarsest one.

    Returns:
        The groups, and per group [G, 3]: its level i and its column j, both from 0, and the number of columns L_i.
    """
    level = wavelet_levels(shape, levels)
    if not separate_low:
        level = np.maximum(level, 1) - 1
    column = wavelet_columns(shape, levels)
    groups = Groups.of(level * shape[1] + column)
    table = np.stack([level, column], -1).reshape(-1, 2)[groups.representative]
    count = np.array([(table[:, 0] == i).sum() for i in table[:, 0]])
    return groups, np.concatenate([table, count[:, None]], axis=1)


@dataclass(frozen=True, eq=False)
class Hierarchical(Windowed):
    """The schedule of GUD, §5.3.

    With N levels (1 the coarsest) and L_i columns in level i, offsets

        c_i = a (N − i)/(N − 1),   c_ij = b (L_i − j)/(L_i − 1)

    and t^i = clip((t − c_i)/(1 − a), 0, 1), γ_ij runs from γ_min to γ_max while t^i runs over [c_ij, c_ij + 1 − b].
    The coarsest level and the leftmost column have the largest offsets: they are generated first. Where there is only
    one level or one column, its offset is 0.

    Parameters: `inverse_softness.levels` is a and `inverse_softness.columns` is b, both in [0, 1).

    Args:
        groups: columns of levels.
        table: level, column and number of columns of the level, per group [G, 3], from `level_columns`.
        gamma_min: γ of a clean group.
        gamma_max: γ of a noised group.
    """

    groups: Groups
    table: np.ndarray
    gamma_min: Array
    gamma_max: Array

    def windows(self, parameters: Parameters) -> tuple[Array, Array]:
        """Start and stop per group, each [G]."""
        a, b = parameters["inverse_softness.levels"], parameters["inverse_softness.columns"]
        level, column, columns = self.table.T
        last = level.max()
        level_offset = a * ((last - level) / max(last, 1))
        start = b * ((columns - 1 - column) / np.maximum(columns - 1, 1))
        return level_offset + (1 - a) * start, level_offset + (1 - a) * (start + 1 - b)
