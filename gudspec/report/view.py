"""A design, bound to its data and looked at group by group. Free of JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from gudspec.process.arrays import Parameters
from gudspec.process.groups import Groups
from gudspec.process.paths import Hierarchical, Windowed
from gudspec.process.process import Process
from gudspec.program.design import Design, Statistics
from gudspec.program.segments import bits_lost
from gudspec.spec.models import Experiment
from gudspec.spec.models import orderings as order
from gudspec.spec.models import schedules as spec
from gudspec.spec.parameters import Bounds, parameters, short_name

__all__ = ["View"]

_VALUES = 2**20
"""As many are computed at once."""


@dataclass(frozen=True, eq=False)
class View:
    """The groups of a design, and what their path does.

    Where all components share one noise level the groups are components: their log SNR still differs.

    Args:
        experiment: the spec.
        statistics: what its process knows of the data.
        rises: w of a learned path, [pieces, groups]; None before any training.
    """

    experiment: Experiment
    statistics: Statistics
    rises: np.ndarray | None = None

    @cached_property
    def design(self) -> Design:
        """The design, for images of the data's shape."""
        return Design(self.experiment.design, self.statistics.mean.shape)

    @cached_property
    def process(self) -> Process:
        """The process, in float64."""
        return self.design.process(Statistics(*(np.asarray(value, float) for value in self.statistics)), self.rises)

    @cached_property
    def bounds(self) -> dict[str, Bounds]:
        """Trained range and nominal value of every parameter, by the path's name for it."""
        return {short_name(name): found for name, found in parameters(self.experiment).items()}

    @cached_property
    def at(self) -> dict[str, float]:
        """The nominal parameters."""
        return {name: found.value for name, found in self.bounds.items()}

    @cached_property
    def lost(self) -> list[float]:
        """What it costs at most to drop the levels of each segment after the first, in bits/dim."""
        return [
            bits_lost(self.process.path, self.process.variance, self.at, *pair)
            for pair in pairwise(self.design.segments)
        ]

    @cached_property
    def groups(self) -> Groups:
        """The groups, G of them."""
        return self.design.groups if self.design.groups.count > 1 else self.design.partition("components")

    @cached_property
    def variance(self) -> np.ndarray:
        """Mean Σ of the diffused components of every group, [G]."""
        index = self.groups.index.ravel()
        return np.bincount(index, self.process.variance.ravel()) / np.bincount(index)

    @cached_property
    def order(self) -> np.ndarray:
        """The groups in the order in which they are generated, [G].

        That is by window where the path has windows, latest first; else by SNR, and where that ties by variance.
        """
        rough = self.gamma(np.linspace(0, 1, 9)).mean(axis=1)
        rank = rough if isinstance(self.process.path, Windowed) else rough - np.log(self.variance)
        order: np.ndarray = np.lexsort([-self.variance, rank.round(4)])
        return order

    def spread(self, count: int) -> np.ndarray:
        """At most `count` groups, evenly spread over the order of generation, the first and the last among them."""
        picked = np.linspace(0, self.groups.count - 1, min(count, self.groups.count)).round().astype(int)
        rows: np.ndarray = self.order[picked]
        return rows

    def times(self, rows: np.ndarray, count: int = 129) -> np.ndarray:
        """A grid of [0, 1] that contains the kinks of γ of some groups."""
        path = self.process.path
        kinks = np.stack(path.windows(self.at))[:, rows] if isinstance(path, Windowed) else path.breakpoints(self.at)
        return np.unique(np.concatenate([np.linspace(0, 1, count), np.clip(np.ravel(kinks), 0, 1)]))

    def gamma(self, t: np.ndarray, rows: np.ndarray | None = None, at: Parameters | None = None) -> np.ndarray:
        """γ [n, T] of some groups, or of all [G, T], at the nominal or at other parameters."""
        return self._rows(lambda times: self.process.path.gamma(times, self.at if at is None else at), t, rows)

    def gamma_dot(self, t: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """dγ/dt [n, T] of some groups, or of all [G, T]."""
        return self._rows(lambda times: self.process.path.gamma_dot(times, self.at), t, rows)

    def _rows(self, of: Callable[[np.ndarray], np.ndarray], t: np.ndarray, rows: np.ndarray | None) -> np.ndarray:
        count = self.groups.count
        parts = []
        for times in np.array_split(t, -(-len(t) * count // _VALUES)):  # large images have many groups
            values = np.broadcast_to(of(times), (len(times), count))
            parts.append(values if rows is None else values[:, rows])
        return np.concatenate(parts).T

    @cached_property
    def kind(self) -> str:
        """What the groups are, as a plural."""
        match self.design.spec.schedule:
            case spec.SequentialSchedule(ordering=order.ColumnOrdering()):
                return "columns"
            case spec.SequentialSchedule(ordering=order.RowOrdering()):
                return "rows"
            case spec.HierarchicalSchedule():
                return "columns of wavelet levels"
            case _ if not np.array_equal(self.groups.index, self.design.layout.groups.index):
                return "groups"
            case _:
                return "frequencies" if self.design.layout.frequencies is not None else "components"

    @cached_property
    def names(self) -> list[str]:
        """What each group is, [G]."""
        path = self.process.path
        if isinstance(path, Hierarchical):
            return [f"level {level + 1}, column {column + 1}" for level, column, _ in path.table.tolist()]
        if self.kind in ("columns", "rows", "groups"):
            return [f"{self.kind[:-1]} {index + 1}" for index in range(self.groups.count)]
        return [f"Σ = {value:.2g}" for value in self.variance]
