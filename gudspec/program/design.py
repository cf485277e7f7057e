"""From the `design` of a spec to a process. Free of JAX: the linter evaluates designs with NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from gudspec.process import bases, orderings, paths
from gudspec.process.arrays import Array, namespace
from gudspec.process.groups import Groups
from gudspec.process.process import Process
from gudspec.spec.models import design as models

__all__ = ["Design", "Shape", "Statistics", "short_name"]

Shape = tuple[int, int, int]

_PREFIX = "design.schedule."


def short_name(path: str) -> str:
    """The name under which a path of noising states knows the parameter at a dotted path of the spec.

    >>> short_name("design.schedule.inverse_softness")
    'inverse_softness'
    """
    return path.removeprefix(_PREFIX)


class Statistics(NamedTuple):
    """What a design needs to know of the data: arguments of every compiled program, never constants."""

    mean: Array
    """Mean of the training images, [H, W, C]."""
    axes: Array
    """Principal axes [HW, HW] of a pca basis; [0, 0] for other bases."""
    variance: Array
    """Σ of the components U(φ − mean), before the prior's scale, [H, W, C]; equal within groups of the basis."""
    extremes: Array
    """Smallest and largest eigenvalue of the covariance of χ, or of its diagonal if that is all that is known, [2]."""


@dataclass(frozen=True, eq=False)
class Design:
    """A design point for images of one shape; `process` binds it to the statistics of the data.

    Args:
        spec: the `design` of a spec.
        shape: the image, (H, W, C).
    """

    spec: models.Design
    shape: Shape

    def basis(self, axes: Array) -> bases.Basis:
        """U."""
        match self.spec.basis:
            case models.PixelBasis():
                return bases.Pixel()
            case models.PcaBasis():
                return bases.Pca(axes)
            case models.FourierBasis():
                return bases.Fourier(self.shape)
            case models.HaarBasis(levels=levels):
                return bases.Haar(levels)

    def scale(self, variance: Array) -> Array:
        """S per component [H, W, C], from the variance of the unscaled components."""
        xp = namespace(variance)
        match self.spec.prior:
            case models.IsotropicPrior(scale=scale):
                return scale * xp.ones_like(variance)
            case models.DataVariancePrior():
                return xp.sqrt(variance)

    def statistics(
        self,
        mean: np.ndarray,
        averaged: np.ndarray | None,
        variance_of: Callable[[Callable[[Array], Array]], np.ndarray],
        extremes_of: Callable[[Callable[[Array], Array]], tuple[float, float]],
    ) -> Statistics:
        """The statistics that this design needs, in float32.

        Args:
            mean: mean of the images, [H, W, C].
            averaged: covariance of the colour-averaged images, [HW, HW]; needed by the pca basis only.
            variance_of: gives the component variances [H, W, C] of a basis, from its `forward`.
            extremes_of: gives the extreme eigenvalues of the covariance of χ, from the basis' `forward`.

        Raises:
            ValueError: the images are too large for a pca basis.
        """
        axes = np.zeros((0, 0))
        if isinstance(self.spec.basis, models.PcaBasis):
            if averaged is None:
                raise ValueError(f"a pca basis of {self.shape[0]}×{self.shape[1]} pixels is too large to be computed")
            axes = bases.principal_axes(averaged)
        basis = self.basis(axes)
        variance = variance_of(basis.forward)
        groups = basis.groups(self.shape)
        pooled = np.bincount(groups.index.ravel(), variance.ravel()) / np.bincount(groups.index.ravel())
        # components without variance: floored, so that their log and their whitened scale stay finite
        variance = groups.expand(np.maximum(pooled, 1e-10 * max(pooled.max(), 1e-10)))
        extremes = (np.nan, np.nan)
        if self._gamma is not None and None in (self._gamma.min, self._gamma.max):
            extremes = extremes_of(basis.forward)
        return Statistics(*(np.asarray(a, np.float32) for a in (mean, axes, variance, extremes)))

    @property
    def _gamma(self) -> models.GammaInterval | None:
        return getattr(self.spec.schedule, "gamma", None)

    def _ends(self, statistics: Statistics) -> tuple[Array, Array]:
        """γ_min and γ_max: as given, or such that they cost the likelihood next to nothing.

        By default γ_min = log λ_min − 5, and γ_max = log λ_max + 3 but at least where σ = 0.99.
        """
        assert self._gamma is not None
        xp = namespace(statistics.extremes)
        low = xp.log(statistics.extremes[0]) - 5
        high = xp.maximum(xp.log(statistics.extremes[1]) + 3, math.log(0.99**2 / (1 - 0.99**2)))
        return (
            low if self._gamma.min is None else xp.asarray(self._gamma.min, dtype=low.dtype),
            high if self._gamma.max is None else xp.asarray(self._gamma.max, dtype=high.dtype),
        )

    @cached_property
    def _basis_groups(self) -> Groups:
        return self.basis(np.zeros((0, 0))).groups(self.shape)

    @cached_property
    def groups(self) -> Groups:
        """The groups of components that share γ on this design's path."""
        match self.spec.schedule:
            case models.SoftLinearSchedule():
                return self._basis_groups
            case models.SequentialSchedule(ordering=models.ColumnOrdering()):
                return Groups.columns(self.shape)
            case models.SequentialSchedule(ordering=models.RowOrdering()):
                return Groups.rows(self.shape)
            case models.SequentialSchedule():
                return self._basis_groups
            case models.HierarchicalSchedule():
                return self._level_columns[0]
            case _:
                return Groups.single(self.shape)

    @cached_property
    def _levels(self) -> int:
        return self.spec.basis.levels if isinstance(self.spec.basis, models.HaarBasis) else 0

    @cached_property
    def _level_columns(self) -> tuple[Groups, np.ndarray]:
        separate = isinstance(self.spec.schedule, models.HierarchicalSchedule) and self.spec.schedule.separate_low
        return paths.level_columns(self.shape, self._levels, separate)

    def ordering(self, statistics: Statistics) -> orderings.Ordering:
        """The ordering variable l of a soft-linear or sequential schedule."""
        pick = self.groups.pick
        neg_log_variance = -namespace(statistics.variance).log(pick(statistics.variance))
        match self.spec.schedule.ordering:  # type: ignore[union-attr]
            case models.NegLogVarianceOrdering():
                return orderings.Fixed(neg_log_variance)
            case models.FrequencyOrdering() | models.MixtureOrdering():
                return orderings.Mixture(neg_log_variance, pick(bases.frequencies(self.shape)))
            case models.ColumnOrdering():
                return orderings.Fixed(pick(Groups.columns(self.shape).index))
            case _:
                return orderings.Fixed(pick(Groups.rows(self.shape).index))

    def path(self, statistics: Statistics) -> paths.Path:
        """γ(t)."""
        match self.spec.schedule:
            case models.LinearSchedule():
                return paths.Linear(self.groups, *self._ends(statistics))
            case models.VpSchedule(beta_min=beta_min, beta_max=beta_max, start=start):
                return paths.VariancePreserving(self.groups, beta_min, beta_max, start)
            case models.CosineSchedule(s=s):
                return paths.Cosine(self.groups, s, *self._ends(statistics))
            case models.SoftLinearSchedule(snr=snr):
                variance = self.groups.pick(statistics.variance / self.scale(statistics.variance) ** 2)
                log_variance = namespace(variance).log(variance)
                ordering = self.ordering(statistics)
                return paths.SoftLinear(self.groups, log_variance, ordering, snr.denoise, snr.noise, snr.sigma_min)
            case models.SequentialSchedule():
                return paths.Sequential(self.groups, self.ordering(statistics), *self._ends(statistics))
            case models.HierarchicalSchedule():
                return paths.Hierarchical(*self._level_columns, *self._ends(statistics))

    def process(self, statistics: Statistics) -> Process:
        """The process on data with these statistics; NumPy or (traced) JAX arrays."""
        scale = self.scale(statistics.variance)
        basis, path = self.basis(statistics.axes), self.path(statistics)
        return Process(basis, statistics.mean, scale, statistics.variance / scale**2, path)

    def tokens(self, conditioning: str) -> Groups:
        """The partition of the components into noising-state tokens that `network.conditioning` names."""
        partitions: Mapping[str, Callable[[], Groups]] = {
            "groups": lambda: self.groups,
            "scalar": lambda: Groups.single(self.shape),
            "components": lambda: self._basis_groups,
            "columns": lambda: Groups.columns(self.shape),
            "rows": lambda: Groups.rows(self.shape),
            "levels": lambda: Groups.of(bases.wavelet_levels(self.shape, self._levels)),
            "level_columns": lambda: self._level_columns[0],
        }
        return partitions[conditioning]()

    def labels(self, tokens: Groups, statistics: Statistics) -> Array:
        """Position label of every token [T], scaled to [−1, 1] (GUD, App. A).

        Where tokens are single components of a basis the label is |k| (fourier) or −log Σ (others); where they are
        groups of components it is their number.
        """
        xp = namespace(statistics.variance)
        if not np.array_equal(tokens.index, self._basis_groups.index):
            label = xp.arange(tokens.count, dtype=statistics.variance.dtype)
        elif isinstance(self.spec.basis, models.FourierBasis):
            label = xp.asarray(tokens.pick(bases.frequencies(self.shape)), dtype=statistics.variance.dtype)
        else:
            label = -xp.log(tokens.pick(statistics.variance))
        low, high = xp.min(label), xp.max(label)
        return 2 * (label - low) / xp.maximum(high - low, 1e-6) - 1
