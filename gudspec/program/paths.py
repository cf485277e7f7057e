"""From `design.schedule` to a path, and the groups on which it is defined. Free of JAX."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gudspec.process import paths
from gudspec.process.arrays import Array, namespace
from gudspec.process.bases import wavelet_levels
from gudspec.process.groups import Groups
from gudspec.program.layout import Layout
from gudspec.program.orderings import groups_of_ordering, ordering_of
from gudspec.spec.models import schedules as spec

__all__ = ["Diffused", "groups_of", "path_of"]


@dataclass(frozen=True, eq=False)
class Diffused:
    """What a path may know of the data and of training: NumPy or (traced) JAX arrays.

    Args:
        variance: Σ of the unscaled components, [H, W, C].
        scale: S of the prior, [H, W, C].
        extremes: extreme eigenvalues of the covariance of χ, [2].
        order: l of a file ordering, [H, W, C].
        rises: w of a learned path, [pieces, groups]; None before any training.
    """

    variance: Array
    scale: Array
    extremes: Array
    order: Array | None = None
    rises: Array | None = None


def groups_of(schedule: spec.AnySchedule, layout: Layout) -> Groups:
    """The groups of components that share γ on a schedule's path."""
    match schedule:
        case spec.SoftLinearSchedule():  # Σ_i differs from component to component
            return layout.groups
        case spec.SequentialSchedule(ordering=ordering):
            return groups_of_ordering(ordering, layout)
        case spec.HierarchicalSchedule():
            return _level_columns(schedule, layout)[0]
        case spec.RgCutoffSchedule():
            return Groups.of(_frequencies(schedule, layout).round(6))
        case spec.BlurringSchedule() | spec.FdmBlurSchedule():
            return Groups.of(paths.dissipation_rates(layout.shape).round(9))
        case spec.DvdpSchedule() | spec.FdmSchedule() | spec.SubspaceSchedule():
            return paths.dropped_levels(layout.shape, layout.haar_levels, len(schedule.turning))
        case spec.KnotsSchedule(by=by) | spec.LearnedSchedule(by=by):
            return _named(by, layout)
        case _:
            return Groups.single(layout.shape)


def path_of(schedule: spec.AnySchedule, layout: Layout, data: Diffused) -> paths.Path:
    """γ(t) of a schedule on data with these variances."""
    groups = groups_of(schedule, layout)
    match schedule:
        case spec.LinearSchedule():
            return paths.Linear(groups, *_ends(schedule.gamma, data))
        case spec.VpSchedule(beta_min=beta_min, beta_max=beta_max, start=start):
            return paths.VariancePreserving(groups, beta_min, beta_max, start)
        case spec.CosineSchedule(s=s):
            return paths.Cosine(groups, s, *_ends(schedule.gamma, data))
        case spec.DdpmSchedule():
            return paths.Ddpm(groups, np.array(schedule.table()))
        case spec.EdmSchedule(sigma_min=sigma_min, sigma_max=sigma_max, rho=rho):
            return paths.Edm(groups, sigma_min, sigma_max, rho)
        case spec.VeSchedule(sigma_min=sigma_min, sigma_max=sigma_max):
            return paths.geometric(groups, sigma_min, sigma_max)
        case spec.SoftLinearSchedule(snr=snr):
            variance = groups.pick(data.variance / data.scale**2)
            log_variance = namespace(variance).log(variance)
            ordering = ordering_of(schedule.ordering, groups, layout, data.variance, data.order)
            return paths.SoftLinear(groups, log_variance, ordering, snr.denoise, snr.noise, snr.sigma_min)
        case spec.SequentialSchedule():
            ordering = ordering_of(schedule.ordering, groups, layout, data.variance, data.order)
            return paths.Sequential(groups, ordering, *_ends(schedule.gamma, data))
        case spec.HierarchicalSchedule():
            return paths.Hierarchical(*_level_columns(schedule, layout), *_ends(schedule.gamma, data))
        case spec.RgCutoffSchedule():
            return _rg_cutoff(schedule, groups, layout, data)
        case spec.BlurringSchedule(sigma_blur=blur, d_min=d_min):
            shared = paths.RescaledCosine(Groups.single(layout.shape), *_ends(schedule.gamma, data))
            return paths.Blurring(groups, shared, groups.pick(paths.dissipation_rates(layout.shape)), blur, d_min)
        case spec.DvdpSchedule() | spec.FdmSchedule() | spec.SubspaceSchedule():
            return _staged(schedule, groups, path_of(schedule.base, layout, data))
        case spec.FdmBlurSchedule(turning=turning, widths=widths, residual=residual):
            base, rates = path_of(schedule.base, layout, data), groups.pick(paths.dissipation_rates(layout.shape))
            times, blurs = np.array([0.0, *turning]), np.array([0.0, *widths])
            return paths.ProgressiveBlur(groups, base, rates, times, blurs, residual)
        case spec.KnotsSchedule(times=times, values=values):
            return paths.Knots(groups, np.array(times), np.array(values).T.repeat(groups.count // len(values), axis=1))
        case spec.LearnedSchedule(pieces=pieces):
            straight = np.zeros((pieces, groups.count), np.float32)
            return paths.Learned(groups, straight if data.rises is None else data.rises, *_ends(schedule.gamma, data))


def _rg_cutoff(schedule: spec.RgCutoffSchedule, groups: Groups, layout: Layout, data: Diffused) -> paths.RgCutoff:
    """Where Λ_0 or c are open, the largest |k| starts at γ_min and the smallest ends at γ_max."""
    log_k2 = 2 * np.log(groups.pick(_frequencies(schedule, layout)))
    low, high = _ends(schedule.gamma, data)
    given, rate, width = schedule.cutoff, schedule.rate, schedule.width
    log_cutoff2 = log_k2.max() - width * low if given is None else 2 * math.log(given)
    rate = (width * high - log_k2.min() + log_cutoff2) / 2 if rate is None else rate
    return paths.RgCutoff(groups, log_k2, log_cutoff2, rate, width)


def _frequencies(schedule: spec.RgCutoffSchedule, layout: Layout) -> np.ndarray:
    """max(|k|, k_0) per component, [H, W, C]."""
    if layout.frequencies is None:
        raise ValueError(f"components of the {layout.spec.kind} basis have no frequencies")
    return np.maximum(layout.frequencies, schedule.smallest)


_Stages = spec.DvdpSchedule | spec.FdmSchedule | spec.SubspaceSchedule


def _staged(schedule: _Stages, groups: Groups, base: paths.Path) -> paths.Path:
    """The windows of time in which the dropped levels are attenuated."""
    stop = np.array(schedule.turning)
    between = np.array([0.0, *schedule.turning[:-1]])
    match schedule:
        case spec.DvdpSchedule(residual=residual):
            return paths.Dvdp(groups, base, between, stop, residual)
        case spec.FdmSchedule(residual=residual):
            return paths.AveragePool(groups, base, between, stop, residual)
        case spec.SubspaceSchedule(residual=residual, ramp=ramp):
            return paths.Subspace(groups, base, stop - ramp, stop, residual)


def _named(by: str, layout: Layout) -> Groups:
    match by:
        case "columns":
            return Groups.columns(layout.shape)
        case "rows":
            return Groups.rows(layout.shape)
        case "levels":
            return Groups.of(wavelet_levels(layout.shape, layout.haar_levels))
        case "level_columns":
            return paths.level_columns(layout.shape, layout.haar_levels, separate_low=False)[0]
        case "components":
            return layout.groups
        case _:
            return Groups.single(layout.shape)


def _level_columns(schedule: spec.HierarchicalSchedule, layout: Layout) -> tuple[Groups, np.ndarray]:
    return paths.level_columns(layout.shape, layout.haar_levels, schedule.separate_low)


def _ends(gamma: spec.GammaInterval, data: Diffused) -> tuple[Array, Array]:
    """γ_min and γ_max: as given, or such that they cost the likelihood next to nothing.

    By default γ_min = log λ_min − 5, and γ_max = log λ_max + 3 but at least where σ = 0.99.
    """
    xp = namespace(data.extremes)
    low = xp.log(data.extremes[0]) - 5
    high = xp.maximum(xp.log(data.extremes[1]) + 3, math.log(0.99**2 / (1 - 0.99**2)))
    return (
        low if gamma.min is None else xp.asarray(gamma.min, dtype=low.dtype),
        high if gamma.max is None else xp.asarray(gamma.max, dtype=high.dtype),
    )
