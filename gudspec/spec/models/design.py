"""`design`: the design point of the process: basis, prior, schedule (GUD, §4)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, Parameter, bounds, problem

# ── basis: the orthogonal map U of (11) ─────────────────────────────────────────────────────────────


class PixelBasis(Model):
    """U = 1: components are pixels."""

    kind: Literal["pixel"]


class PcaBasis(Model):
    """U = eigenvectors of the covariance of the colour-averaged data, the same in every channel (GUD, App. B)."""

    kind: Literal["pca"]
    colors: Literal["averaged"] = "averaged"
    """`averaged`: one spatial U from the colour-averaged data, applied to each channel."""


class FourierBasis(Model):
    """U = the real orthonormal 2-D Fourier basis, per channel (GUD, §5.1)."""

    kind: Literal["fourier"]


class HaarBasis(Model):
    """U = the orthonormal 2-D Haar wavelet transform, per channel (GUD, App. D)."""

    kind: Literal["haar"]
    levels: Annotated[int, Field(ge=1, le=10)] = 3
    """How often the image is halved; its sides must be divisible by 2^levels."""


AnyBasis = Annotated[PixelBasis | PcaBasis | FourierBasis | HaarBasis, Field(discriminator="kind")]

# ── prior: the scale S of (11) ──────────────────────────────────────────────────────────────────────


class IsotropicPrior(Model):
    """S = scale·1: the process ends in white noise ("unwhitened" in GUD, §5.1)."""

    kind: Literal["isotropic"]
    scale: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the prior noise, in units of the [−1, 1] images."""


class DataVariancePrior(Model):
    """S_i = √Σ_i: the process ends in noise with the data's variances ("whitened" in GUD, §4.4 and §5.1)."""

    kind: Literal["data_variance"]


AnyPrior = Annotated[IsotropicPrior | DataVariancePrior, Field(discriminator="kind")]

# ── ordering: the variable l_i of (21); components with small l are generated first ─────────────────


class NegLogVarianceOrdering(Model):
    """l_i = −log Σ_i, Σ_i the variance of the unwhitened component i (GUD, §5.1)."""

    kind: Literal["neg_log_variance"]


class FrequencyOrdering(Model):
    """l_i = |k_i|, rescaled to the range of −log Σ_i (GUD, §5.1, r = 1). Needs the fourier basis."""

    kind: Literal["frequency"]


class MixtureOrdering(Model):
    """l_i = (1−r)(−log Σ_i) + r(|k_i|+δ)/κ, with κ and δ such that the range at r = 1 equals that at r = 0 (Fig. 5).

    Needs the fourier basis.
    """

    kind: Literal["mixture"]
    r: Parameter = 0.5
    """0 orders by variance, 1 by frequency; in [0, 1]."""

    @model_validator(mode="after")
    def _inside(self) -> "MixtureOrdering":
        low, high = bounds(self.r)
        if low < 0 or high > 1:
            message = f"`r` reaches {low if low < 0 else high:g} but must stay in [0, 1]"
            raise problem(MixtureOrdering, "GUD210", message, ("r",))
        return self


class ColumnOrdering(Model):
    """l_i = the column of pixel i, left to right (GUD, §5.2). Needs the pixel basis."""

    kind: Literal["column"]


class RowOrdering(Model):
    """l_i = the row of pixel i, top to bottom. Needs the pixel basis."""

    kind: Literal["row"]


AnyOrdering = Annotated[
    NegLogVarianceOrdering | FrequencyOrdering | MixtureOrdering | ColumnOrdering | RowOrdering,
    Field(discriminator="kind"),
]

# ── schedule: the path γ(t) ─────────────────────────────────────────────────────────────────────────


class GammaInterval(Model):
    """End points of γ = log(σ²/α²).

    Where they are null, the data decides so that the likelihood loses nothing visible: min = log λ_min − 5 and
    max = log λ_max + 3, but at least 3.9 where σ = 0.99; λ are the extreme variances of the diffused data.
    """

    min: float | None = None
    """γ at t = 0, near the data."""
    max: float | None = None
    """γ at t = 1, near the prior."""

    @model_validator(mode="after")
    def _ordered(self) -> "GammaInterval":
        if self.min is not None and self.max is not None and not self.min < self.max:
            message = f"`min` ({self.min:g}) must be below `max` ({self.max:g}): γ grows from data to noise"
            raise problem(GammaInterval, "GUD211", message, ("min",))
        return self


class LinearSchedule(Model):
    """γ_i(t) = γ_min + (γ_max − γ_min) t for every component: one scalar noise level."""

    kind: Literal["linear"]
    gamma: GammaInterval = GammaInterval()
    """End points of γ."""


class VpSchedule(Model):
    """The variance-preserving SDE with β linear in time (arXiv:2011.13456, App. C): γ = log(e^B − 1)."""

    kind: Literal["vp"]
    beta_min: Annotated[float, Field(gt=0)] = 0.1
    """β at the start of time."""
    beta_max: Annotated[float, Field(gt=0)] = 20.0
    """β at the end of time."""
    start: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    """Time at which the path starts: γ(0) is −∞ and cannot be trained on."""


class CosineSchedule(Model):
    """ᾱ(t) = f(t)/f(0), f(t) = cos²(π/2·(t+s)/(1+s)) (arXiv:2102.09672, eq. 17), clipped in γ."""

    kind: Literal["cosine"]
    s: Annotated[float, Field(ge=0, lt=1)] = 0.008
    """The published offset."""
    gamma: GammaInterval = GammaInterval()
    """Where γ is clipped."""


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


AnySchedule = Annotated[
    LinearSchedule | VpSchedule | CosineSchedule | SoftLinearSchedule | SequentialSchedule | HierarchicalSchedule,
    Field(discriminator="kind"),
]


class Design(Model):
    """A point of the design space: in which basis, towards which prior, along which path."""

    basis: AnyBasis = PixelBasis(kind="pixel")
    """In which components the process is diagonal."""
    prior: AnyPrior = IsotropicPrior(kind="isotropic")
    """The noise in which it ends."""
    schedule: AnySchedule = LinearSchedule(kind="linear")
    """The path of noising states γ(t), t from 0 (data) to 1 (prior)."""
