"""From the `design` of a spec to a process. Free of JAX: the linter evaluates designs with NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from gudspec.process import bases, paths, priors
from gudspec.process.arrays import Array, namespace
from gudspec.process.groups import Groups
from gudspec.process.process import Process
from gudspec.program.layout import Layout, Shape
from gudspec.program.paths import Diffused, groups_of, path_of
from gudspec.program.segments import Segment, segments_of, turning_points
from gudspec.spec.models import design as models
from gudspec.spec.models.bases import PcaBasis, spatial
from gudspec.spec.models.priors import DataVariancePrior, FilePrior, IsotropicPrior, PowerLawPrior
from gudspec.spec.models.schedules import AnySchedule, LearnedSchedule

__all__ = ["Design", "Shape", "Statistics"]

_NOTHING = np.zeros(0, np.float32)
_FLOOR = 1e-10
"""Smallest variance of a component, relative to the largest."""


class Statistics(NamedTuple):
    """What a design needs to know of the data: arguments of every compiled program, never constants."""

    mean: Array
    """Mean of the training images, [H, W, C]."""
    axes: Array
    """Axes of a pca or matrix basis, [HW, HW] or [HWC, HWC]; [0, 0] for other bases."""
    variance: Array
    """Σ of the components U(φ − mean), before the prior's scale, [H, W, C]; equal within groups of the basis."""
    extremes: Array
    """Smallest and largest eigenvalue of the covariance of χ, or of its diagonal if that is all that is known, [2]."""
    scale: Array = _NOTHING
    """S of a file prior, [H, W, C], equal within groups of the basis; [0] for other priors."""
    order: Array = _NOTHING
    """l of a file ordering, [H, W, C], equal within groups of the basis; [0] for other orderings."""
    frozen: Array = _NOTHING
    """Of a learned stage, the autoencoder and the unit of its latents, `Frozen` as one vector; [0] without one."""


@dataclass(frozen=True, eq=False)
class Design:
    """A design point for images of one shape; `process` binds it to the statistics of the data.

    Args:
        spec: the `design` of a spec.
        shape: the image, (H, W, C).
    """

    spec: models.Design
    shape: Shape

    @cached_property
    def layout(self) -> Layout:
        """The basis, as far as it is known without data."""
        return Layout(self.spec.basis, self.shape)

    @cached_property
    def groups(self) -> Groups:
        """The groups of components that share γ on this design's path."""
        return groups_of(self.spec.schedule, self.layout)

    def scale(self, variance: Array, given: Array = _NOTHING) -> Array:
        """S per component, [H, W, C].

        Args:
            variance: of the unscaled components, [H, W, C].
            given: S of a file prior, [H, W, C].
        """
        xp = namespace(variance, given)
        match self.spec.prior:
            case IsotropicPrior(scale=scale):
                return scale * xp.ones_like(variance)
            case DataVariancePrior():
                return xp.sqrt(variance)
            case PowerLawPrior(exponent=exponent, cutoff=cutoff, scale=scale):
                assert self.layout.frequencies is not None, "this basis has no frequencies"
                frequency = xp.asarray(self.layout.frequencies, dtype=variance.dtype)
                return priors.power_law(frequency, exponent, cutoff, xp.mean(variance) if scale is None else scale**2)
            case FilePrior():
                return given

    def statistics(
        self,
        mean: np.ndarray,
        covariance: np.ndarray | None,
        variance_of: Callable[[Callable[[Array], Array]], np.ndarray],
        extremes_of: Callable[[Callable[[Array], Array]], tuple[float, float] | None],
        files: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> Statistics:
        """The statistics that this design needs, in float32.

        Components without variance are floored at 1e-10 of the largest variance, so that their log and their whitened
        scale stay finite; `floored` counts them.

        Args:
            mean: mean of the images, [H, W, C].
            covariance: of what a pca basis diagonalizes: the colour-averaged images [HW, HW], or the images
                [HWC, HWC] if it mixes colours. Other bases need none.
            variance_of: gives the component variances [H, W, C] of a basis, from its `forward`.
            extremes_of: gives the extreme eigenvalues of the covariance of χ, from the linear map of images to χ; None
                where the covariance is too large, and the component variances have to do.
            files: what the design takes from files: `axes` of a matrix basis, `scale` of a prior [H, W, C],
                `order` of an ordering [H, W, C].

        Raises:
            ValueError: the images are too large for a pca basis.
        """
        axes = files.get("axes", np.zeros((0, 0)))
        if isinstance(spatial(self.spec.basis), PcaBasis):
            if covariance is None:
                raise ValueError(f"a pca basis of {self.shape[0]}×{self.shape[1]} pixels is too large to be computed")
            axes = bases.principal_axes(covariance)
        basis, groups = self.layout.basis(axes), self.layout.groups
        variance = groups.pooled(variance_of(basis.forward))
        variance = np.maximum(variance, _FLOOR * max(variance.max(), _FLOOR))
        # pooled like variances: a group is one component of the process
        given = np.sqrt(groups.pooled(files["scale"] ** 2)) if "scale" in files else _NOTHING
        order = groups.pooled(files["order"]) if "order" in files else _NOTHING
        scale = self.scale(variance, given)
        extremes: tuple[float, float] | None = (np.nan, np.nan)
        gamma = getattr(self.spec.schedule, "gamma", None)
        if gamma is not None and None in (gamma.min, gamma.max):
            diffused = variance / scale**2
            extremes = extremes_of(lambda images: basis.forward(images) / scale) or (diffused.min(), diffused.max())
        return Statistics(*(np.asarray(a, np.float32) for a in (mean, axes, variance, extremes, given, order)))

    @staticmethod
    def floored(variance: Array) -> int:
        """Number of components whose variance [H, W, C], as `statistics` has it, is but the floor."""
        return int((np.asarray(variance) <= 1.01 * _FLOOR * max(np.max(variance), _FLOOR)).sum())

    def path(self, statistics: Statistics, rises: Array | None = None) -> paths.Path:
        """γ(t).

        Args:
            statistics: of the data.
            rises: w of a learned path, [pieces, groups]; None takes that before training.
        """
        scale = self.scale(statistics.variance, statistics.scale)
        data = Diffused(statistics.variance, scale, statistics.extremes, statistics.order, rises)
        return path_of(self.spec.schedule, self.layout, data)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The stretches of t, each with a grid of its own; one where nothing is dropped."""
        return segments_of(self.spec.segments, turning_points(self.spec.schedule, self.layout))

    def along(self, schedule: AnySchedule) -> Design:
        """The same basis and prior along another path, whose open ends are those of this one.

        Raises:
            ValueError: an end is open, and this path has none to lend.
        """
        gamma = getattr(schedule, "gamma", None)
        if gamma is not None and None in (gamma.min, gamma.max):
            own = getattr(self.spec.schedule, "gamma", None)
            if own is None:
                raise ValueError(f"`gamma` of the {schedule.kind} path must be given: the design's schedule has none")
            ends = {
                "min": own.min if gamma.min is None else gamma.min,
                "max": own.max if gamma.max is None else gamma.max,
            }
            schedule = schedule.model_copy(update={"gamma": gamma.model_copy(update=ends)})
        return Design(self.spec.model_copy(update={"schedule": schedule}), self.shape)

    @cached_property
    def rises(self) -> np.ndarray | None:
        """The w of a learned path before training, [pieces, groups]; None of others, which have nothing to learn."""
        if not isinstance(self.spec.schedule, LearnedSchedule):
            return None
        return np.zeros((self.spec.schedule.pieces, self.groups.count), np.float32)

    def process(self, statistics: Statistics, rises: Array | None = None) -> Process:
        """The process on data with these statistics; NumPy or (traced) JAX arrays. `rises` is that of `path`."""
        scale = self.scale(statistics.variance, statistics.scale)
        basis, path = self.layout.basis(statistics.axes), self.path(statistics, rises)
        return Process(basis, statistics.mean, scale, statistics.variance / scale**2, path)

    def partition(self, name: str) -> Groups:
        """The partition of the components that `network.conditioning` or a measure's `by` names."""
        levels = self.layout.haar_levels
        partitions: Mapping[str, Callable[[], Groups]] = {
            "groups": lambda: self.groups,
            "scalar": lambda: Groups.single(self.shape),
            "components": lambda: self.layout.groups,
            "pixels": lambda: Groups.pixels(self.shape),
            "colors": lambda: Groups.colors(self.shape),
            "columns": lambda: Groups.columns(self.shape),
            "rows": lambda: Groups.rows(self.shape),
            "levels": lambda: Groups.of(bases.wavelet_levels(self.shape, levels)),
            "level_columns": lambda: paths.level_columns(self.shape, levels, separate_low=False)[0],
        }
        return partitions[name]()

    def labels(self, tokens: Groups, statistics: Statistics) -> Array:
        """Position label of every token [T], scaled to [−1, 1] (GUD, App. A).

        Where tokens are single components of a basis the label is |k|, in bases that have frequencies, or −log Σ;
        where they are groups of components it is their number.
        """
        xp = namespace(statistics.variance)
        if not np.array_equal(tokens.index, self.layout.groups.index):
            label = xp.arange(tokens.count, dtype=statistics.variance.dtype)
        elif self.layout.frequencies is not None:
            label = xp.asarray(tokens.pick(self.layout.frequencies), dtype=statistics.variance.dtype)
        else:
            label = -xp.log(tokens.pick(statistics.variance))
        low, high = xp.min(label), xp.max(label)
        return 2 * (label - low) / xp.maximum(high - low, 1e-6) - 1
