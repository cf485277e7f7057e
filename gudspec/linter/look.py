"""A spec's design as numbers: its path, evaluated with NumPy, and what is known of the data. Made once a document."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from gudspec.linter import cost, design, fields, groups
from gudspec.spec.load import Document
from gudspec.spec.models.schedules import AnySchedule, SequentialSchedule, SoftLinearSchedule
from gudspec.spec.parameters import parameters
from gudspec.spec.sources import shape

if TYPE_CHECKING:  # NumPy takes a sixth of the time of a cold lint: it waits until a rule has to compute
    import numpy as np

    from gudspec.process.paths import Path
    from gudspec.process.process import Process
    from gudspec.program.design import Design, Statistics

__all__ = ["Look", "look"]

_FOUNDATIONS = (
    design.HaarLevels,
    design.OrderingBasis,
    design.ScheduleBasis,
    design.ColorChannels,
    design.PatchSize,
    design.PriorBasis,
    groups.TurningPoints,
    groups.KnotGroups,
    cost.PcaSize,
)
"""Rules that a design has to pass before it can be evaluated."""
_SHARED = ("linear", "vp", "ddpm", "edm", "ve")
"""Schedules on which all components share one γ at the ends."""
_LARGEST = 2**16
"""Designs of more components are not evaluated: a linter has neither seconds nor gigabytes to spend."""
_NAMES = ("variance", "extremes", "scale", "order")
"""The statistics that a path depends on."""
_STAND_IN = (0.01, 1.0)
"""Extreme variances of images in [−1, 1], where only the times of a path matter."""


@dataclass(frozen=True, eq=False)
class Look:
    """What the rules want to know of a document beyond its words."""

    document: Document

    @property
    def schedule(self) -> AnySchedule:
        """The schedule."""
        return self.document.experiment.design.schedule

    @cached_property
    def sound(self) -> bool:
        """Whether basis, prior, schedule and image fit together, so that there is a path to speak of."""
        return not any(True for rule in _FOUNDATIONS for _ in rule().check(self.document))

    @cached_property
    def statistics(self) -> Statistics | None:
        """What an earlier run has found out about the data, in float64; only what paths depend on."""
        from gudspec.known import glance

        known = glance(self.document.experiment, _NAMES) if self.sound else None
        if known is None:
            return None
        import numpy as np

        from gudspec.program.design import Statistics

        variance, extremes, scale, order = (np.asarray(known[name], float) for name in _NAMES)
        image = shape(self.document.experiment.data.source)
        if variance.ndim != 3 or (image and variance.shape != image) or variance.size > _LARGEST:
            return None
        return Statistics(np.zeros_like(variance), np.zeros((0, 0)), variance, extremes, scale, order)

    @cached_property
    def image(self) -> tuple[int, int, int] | None:
        """Height, width and channels, as far as spec or statistics tell."""
        known = shape(self.document.experiment.data.source)
        return known or (self.statistics.variance.shape if self.statistics else None)

    @property
    def small(self) -> bool:
        """Whether the design fits together and is small enough to be evaluated."""
        return self.sound and self.image is not None and math.prod(self.image) <= _LARGEST

    def available(self, what: Literal["path", "sketch", "design", "process"]) -> bool:
        """Whether one of the properties below can be had; asking costs no evaluation."""
        needs = {"process": True, "path": self.needs_statistics, "sketch": self._needs_variances, "design": False}
        return self.small and (self.statistics is not None or not needs[what])

    @cached_property
    def design(self) -> Design | None:
        """The design, for images of the data's shape."""
        if not self.small or self.image is None:
            return None
        from gudspec.program.design import Design

        return Design(self.document.experiment.design, self.image)

    @property
    def needs_statistics(self) -> bool:
        """Whether the path cannot be evaluated without the data's variances."""
        gamma = getattr(self.schedule, "gamma", None)
        return self._needs_variances or (gamma is not None and None in (gamma.min, gamma.max))

    @property
    def _needs_variances(self) -> bool:
        if isinstance(self.schedule, SoftLinearSchedule):
            return True
        kinds = ("neg_log_variance", "frequency", "mixture", "file")
        return isinstance(self.schedule, SequentialSchedule) and self.schedule.ordering.kind in kinds

    @cached_property
    def _bound(self) -> tuple[Process | None, Path | None] | None:
        """The process, and its path or the sketch of one; None where numbers overflow on the way."""
        if not self.available("sketch") or self.design is None:
            return None, None
        import numpy as np

        from gudspec.program.design import Statistics

        try:
            with np.errstate(all="ignore"):
                if self.statistics:
                    process = self.design.process(self.statistics)
                    path = process.path
                else:
                    ones = np.ones(self.design.shape)
                    stand_ins = Statistics(ones, np.zeros((0, 0)), ones, np.array(_STAND_IN), ones)
                    process, path = None, self.design.path(stand_ins)
                ends = (path.gamma(np.array([t]), at) for at in self.corners for t in (0.0, 1.0))
                finite = all(np.isfinite(end).all() for end in ends)
        except (ArithmeticError, ValueError):
            finite = False
        return (process, path) if finite else None

    @property
    def finite(self) -> bool:
        """Whether γ is a number, as far as it can be evaluated."""
        return not self.available("path") or self._bound is not None

    @property
    def process(self) -> Process | None:
        """The process on the data; None without its statistics."""
        return self._bound[0] if self.available("process") and self._bound else None

    @property
    def sketch(self) -> Path | None:
        """The path with stand-ins for ends that the data would decide: good for questions of time, not of γ."""
        return self._bound[1] if self._bound else None

    @property
    def path(self) -> Path | None:
        """γ(t); None where it depends on statistics that are not known."""
        return self.sketch if self.available("path") else None

    @cached_property
    def span(self) -> tuple[float, float] | None:
        """The lowest γ at t = 0 and the highest at t = 1, of all components; None without a path."""
        if self.schedule.kind in _SHARED:  # the spec says it, and nothing has to be evaluated
            start, end = fields.first(self.schedule).gamma, fields.last(self.schedule).gamma
            if start is not None and end is not None:
                return start, end
        values = self.gamma((0.0, 1.0))
        return None if values is None else (float(values.min()), float(values.max()))

    @cached_property
    def corners(self) -> tuple[dict[str, float], ...]:
        """Parameters of the path: the nominal ones first, then every combination of the ends of trained ranges."""
        bounds = {name.removeprefix("design.schedule."): b for name, b in parameters(self.document.experiment).items()}
        ends = itertools.product(*({b.low, b.high} for b in bounds.values()))
        nominal = {name: b.value for name, b in bounds.items()}
        return (nominal, *(found for one in ends if (found := dict(zip(bounds, one, strict=True))) != nominal))

    def gamma(self, times: tuple[float, ...] | np.ndarray) -> np.ndarray | None:
        """γ of `path` per group at some times, over all corners: [corners, times, groups]; None without a path."""
        if self.path is None:
            return None
        import numpy as np

        path, count = self.path, self.path.groups.count
        parts = np.array_split(np.asarray(times, float), -(-len(times) * count // _LARGEST))
        with np.errstate(all="ignore"):
            values = [np.concatenate([path.gamma(part, at) for part in parts if len(part)]) for at in self.corners]
        return np.stack([np.broadcast_to(one, (len(times), count)) for one in values])


_latest: list[Look] = []


def look(document: Document) -> Look:
    """The look at a document; all rules that ask for the same document share it."""
    if not _latest or _latest[0].document is not document:
        _latest[:] = [Look(document)]
    return _latest[0]
