"""`design.schedule`: the path γ(t)."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.attenuating_schedules import (
    BlurringSchedule,
    DvdpSchedule,
    FdmBlurSchedule,
    FdmSchedule,
    RgCutoffSchedule,
    SubspaceSchedule,
)
from gudspec.spec.models.base import Model, Parameter, bounds, problem, refuse
from gudspec.spec.models.orderings import AnyOrdering, ColumnOrdering, NegLogVarianceOrdering
from gudspec.spec.models.shared_schedules import (
    AnySharedSchedule,
    CosineSchedule,
    DdpmSchedule,
    EdmSchedule,
    GammaInterval,
    LinearSchedule,
    VeSchedule,
    VpSchedule,
)

__all__ = [
    "AnySchedule",
    "AnySharedSchedule",
    "BlurringSchedule",
    "CosineSchedule",
    "DdpmSchedule",
    "DvdpSchedule",
    "EdmSchedule",
    "FdmBlurSchedule",
    "FdmSchedule",
    "GammaInterval",
    "HierarchicalSchedule",
    "HierarchicalSoftness",
    "KnotsSchedule",
    "LearnedSchedule",
    "LinearSchedule",
    "RgCutoffSchedule",
    "SequentialSchedule",
    "SnrTargets",
    "SoftLinearSchedule",
    "SubspaceSchedule",
    "VeSchedule",
    "VpSchedule",
]


class SnrTargets(Model):
    """The end points of log SNR that (21) aims at."""

    denoise: float = -7.0
    """γ̃_denoise: minus the log SNR that every component reaches at t = 0."""
    noise: float = 3.0
    """γ̃_noise: minus the log SNR that every component reaches at t = 1."""
    sigma_min: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    """Raises `noise` to at least logit(σ_min²) − min log Σ_i, so that σ_i(1) ≥ σ_min; null leaves `noise` alone."""

    @model_validator(mode="after")
    def _ordered(self) -> "SnrTargets":
        if not self.denoise < self.noise:
            message = f"`denoise` ({self.denoise:g}) must be below `noise` ({self.noise:g})"
            raise problem(SnrTargets, "GUD211", message, ("denoise",))
        return self


class SoftLinearSchedule(Model):
    """The linear soft-conditioning schedule, GUD eqs. (20)–(21).

    Every γ_i is linear in t, between end points that depend on the component's variance and ordering.
    """

    kind: Literal["soft_linear"]
    ordering: AnyOrdering = NegLogVarianceOrdering(kind="neg_log_variance")
    """The ordering variable l_i."""
    inverse_softness: Parameter = 1.0
    """The paper's a ≥ 0: large is autoregressive, 0 has no hierarchy."""
    snr: SnrTargets = SnrTargets()
    """The end points of log SNR."""

    @model_validator(mode="after")
    def _not_negative(self) -> "SoftLinearSchedule":
        low, _ = bounds(self.inverse_softness)
        if low < 0:
            message = (
                f"`inverse_softness` reaches {low:g}: below 0 the ordering is reversed; negate the ordering instead"
            )
            raise problem(SoftLinearSchedule, "GUD212", message, ("inverse_softness",))
        return self


def _check_below_one(model: type[Model], name: str, parameter: object, loc: tuple[str, ...]) -> None:
    low, high = bounds(parameter)  # type: ignore[arg-type]
    if low < 0 or high >= 1:
        message = (
            f"`{name}` reaches {low if low < 0 else high:g} but must stay in [0, 1): "
            "at 1 the active window of a group has no length and γ̇ is infinite"
        )
        raise problem(model, "GUD213", message, loc)


class SequentialSchedule(Model):
    """Groups are noised one after the other, GUD eq. (22); group 1 of the ordering is generated first."""

    kind: Literal["sequential"]
    ordering: AnyOrdering = ColumnOrdering(kind="column")
    """Which components form a group, and the order of the groups."""
    inverse_softness: Parameter = 0.5
    """The paper's b in [0, 1): 0 noises all groups together, near 1 one after the other."""
    gamma: GammaInterval = GammaInterval()
    """End points of γ of every group."""

    @model_validator(mode="after")
    def _below_one(self) -> "SequentialSchedule":
        _check_below_one(SequentialSchedule, "inverse_softness", self.inverse_softness, ("inverse_softness",))
        return self


class HierarchicalSoftness(Model):
    """The paper's a (levels) and b (columns) of §5.3."""

    levels: Parameter = 0.5
    """a in [0, 1): inverse softness among wavelet levels."""
    columns: Parameter = 0.5
    """b in [0, 1): inverse softness among the columns of one level."""

    @model_validator(mode="after")
    def _below_one(self) -> "HierarchicalSoftness":
        _check_below_one(HierarchicalSoftness, "levels", self.levels, ("levels",))
        _check_below_one(HierarchicalSoftness, "columns", self.columns, ("columns",))
        return self


class HierarchicalSchedule(Model):
    """Haar levels one after the other, columns one after the other inside each level (GUD, §5.3).

    Needs the haar basis. Level 1 is the coarsest and is generated first.
    """

    kind: Literal["hierarchical"]
    inverse_softness: HierarchicalSoftness = HierarchicalSoftness()
    """Softness among levels and among columns."""
    separate_low: bool = False
    """True gives the low-pass image LL(N) a level of its own; false lets it share the coarsest level."""
    gamma: GammaInterval = GammaInterval()
    """End points of γ of every group."""


class KnotsSchedule(Model):
    """γ drawn by hand: piecewise linear through `values` at `times`, constant before the first and after the last."""

    kind: Literal["knots"]
    by: Literal["scalar", "columns", "rows", "levels", "level_columns", "components"] = "scalar"
    """Which components share γ: all; columns or rows of the pixel basis; levels of the haar basis, LL(N) first, then
    the coarsest details, or columns of levels, LL(N) with the coarsest; none."""
    times: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=2)] = (0.0, 1.0)
    """Increasing, in [0, 1]."""
    values: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)] = ((-9.0, 5.0),)
    """γ at the times, a list for each group, in order; a single list serves all groups."""

    @model_validator(mode="after")
    def _rising(self) -> "KnotsSchedule":
        refuse(KnotsSchedule, self._falling())
        return self

    def _falling(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        """The first problem of each list: those behind it may well come from it."""
        for k, (one, two) in enumerate(pairwise(self.times), 1):
            if not one < two:
                message = f"time {k + 1} ({two:g}) must be after the one before it ({one:g})"
                yield "GUD214", message, ("times", k)
                break
        for g, row in enumerate(self.values):
            if len(row) != len(self.times):
                message = f"group {g + 1} has {len(row)} values at {len(self.times)} times"
                yield "GUD215", message, ("values", g)
                continue
            for k, (one, two) in enumerate(pairwise(row), 1):
                if two < one:
                    message = f"γ of group {g + 1} falls from {one:g} to {two:g}: noise never shrinks"
                    yield "GUD216", message, ("values", g, k)
                    break


class LearnedSchedule(Model):
    """γ of every group learned together with the network: monotone, with fixed end points, by the variational bound.

    γ is piecewise linear in `pieces` equal stretches of t and starts as a straight line. Its shape is trained like a
    weight of the network, through γ and dγ/dt, so the loss must be the bound: `objective.weight: likelihood` with t
    uniform (as arXiv:2107.00630, App. D, for one shared γ; GUD, §4.4, for the path's freedom).
    """

    kind: Literal["learned"]
    by: Literal["columns", "rows", "levels", "components"] = "components"
    """Which components share γ: columns or rows of the pixel basis; levels of the haar basis; none. One γ for all has
    nothing to learn: the bound then depends on its end points alone."""
    pieces: Annotated[int, Field(ge=2, le=256)] = 16
    """Stretches of t in which γ is linear."""
    gamma: GammaInterval = GammaInterval()
    """End points of γ of every group, which stay fixed."""


AnySchedule = Annotated[
    LinearSchedule
    | VpSchedule
    | CosineSchedule
    | DdpmSchedule
    | EdmSchedule
    | VeSchedule
    | SoftLinearSchedule
    | SequentialSchedule
    | HierarchicalSchedule
    | RgCutoffSchedule
    | BlurringSchedule
    | DvdpSchedule
    | FdmSchedule
    | FdmBlurSchedule
    | SubspaceSchedule
    | KnotsSchedule
    | LearnedSchedule,
    Field(discriminator="kind"),
]
