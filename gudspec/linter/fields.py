"""Where a spec says at which noise its path starts and ends, and the noise itself where the spec alone decides it."""

import math
from typing import NamedTuple

from gudspec.spec.models.schedules import (
    AnySchedule,
    DdpmSchedule,
    DvdpSchedule,
    EdmSchedule,
    FdmBlurSchedule,
    FdmSchedule,
    KnotsSchedule,
    RgCutoffSchedule,
    SoftLinearSchedule,
    SubspaceSchedule,
    VeSchedule,
    VpSchedule,
)
from gudspec.spec.tree import Path

__all__ = ["End", "first", "frozen", "last"]


class End(NamedTuple):
    """An end of a path."""

    gamma: float | None
    """γ there (of `soft_linear`: relative to the data's variance); None where it takes data to know."""
    path: Path
    """The field that decides it, from the root of the spec."""


def first(schedule: AnySchedule) -> End:
    """γ at t = 0, the largest of all components that the spec alone decides."""
    gamma, path = _first(schedule)
    return End(gamma, ("design", "schedule", *path))


def last(schedule: AnySchedule) -> End:
    """γ at t = 1, the smallest of all components that the spec alone decides."""
    gamma, path = _last(schedule)
    return End(gamma, ("design", "schedule", *path))


def frozen(schedule: AnySchedule) -> tuple[int, ...]:
    """Groups of hand-drawn knots whose γ never changes."""
    if not isinstance(schedule, KnotsSchedule):
        return ()
    return tuple(group for group, row in enumerate(schedule.values) if row[0] == row[-1])


def _first(schedule: AnySchedule) -> tuple[float | None, Path]:
    match schedule:
        case VpSchedule(beta_min=beta_min, beta_max=beta_max, start=start):
            return _log_expm1(start * (beta_min + 0.5 * (beta_max - beta_min) * start)), ("start",)
        case DdpmSchedule():
            return _log_expm1(-math.log1p(-schedule.table()[0])), _betas(schedule, 0, "beta_start")
        case EdmSchedule() | VeSchedule():
            return 2 * math.log(schedule.sigma_min), ("sigma_min",)
        case SoftLinearSchedule():
            return schedule.snr.denoise, ("snr", "denoise")
        case DvdpSchedule() | FdmSchedule() | SubspaceSchedule() | FdmBlurSchedule():
            gamma, path = _first(schedule.base)
            return gamma, ("base", *path)
        case KnotsSchedule():
            group = max(range(len(schedule.values)), key=lambda g: schedule.values[g][0])
            return schedule.values[group][0], ("values", group, 0)
        case RgCutoffSchedule() if schedule.cutoff is not None:
            return None, ("cutoff",)
        case _:
            return schedule.gamma.min, ("gamma", "min")


def _last(schedule: AnySchedule) -> tuple[float | None, Path]:
    match schedule:
        case VpSchedule():
            return _log_expm1((schedule.beta_min + schedule.beta_max) / 2), ("beta_max",)
        case DdpmSchedule():
            table = schedule.table()
            return _log_expm1(-sum(map(math.log1p, (-b for b in table)))), _betas(schedule, len(table) - 1, "beta_end")
        case EdmSchedule() | VeSchedule():
            return 2 * math.log(schedule.sigma_max), ("sigma_max",)
        case SoftLinearSchedule():
            return (schedule.snr.noise if schedule.snr.sigma_min is None else None), ("snr", "noise")
        case DvdpSchedule() | FdmSchedule() | SubspaceSchedule() | FdmBlurSchedule():
            gamma, path = _last(schedule.base)
            return gamma, ("base", *path)
        case KnotsSchedule():
            group = min(range(len(schedule.values)), key=lambda g: schedule.values[g][-1])
            return schedule.values[group][-1], ("values", group, len(schedule.times) - 1)
        case RgCutoffSchedule() if schedule.rate is not None:
            return None, ("rate",)
        case _:
            return schedule.gamma.max, ("gamma", "max")


def _betas(schedule: DdpmSchedule, index: int, name: str) -> Path:
    return (name,) if schedule.betas is None else ("betas", index)


def _log_expm1(x: float) -> float:
    return math.log(math.expm1(x)) if 0 < x < 500 else (x if x > 0 else -math.inf)
