"""Schedules on which all components share one noise level, alone or as a part of other schedules."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]


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


class DdpmSchedule(Model):
    """The table of DDPM: γ(k) = log((1 − ᾱ_k)/ᾱ_k), ᾱ_k = Π(1 − β_j) (arXiv:2006.11239).

    t = 0 is step k = 1 and t = 1 is k = T; a monotone cubic connects the table's entries.
    """

    kind: Literal["ddpm"]
    beta: Literal["linear", "scaled_linear"] = "linear"
    """`linear`: β_k grows linearly from `beta_start` to `beta_end`; `scaled_linear`: √β_k does (latent diffusion)."""
    beta_start: Fraction = 1e-4
    """β_1."""
    beta_end: Fraction = 0.02
    """β_T."""
    steps: Annotated[int, Field(ge=2, le=100_000)] = 1000
    """T."""
    betas: Annotated[tuple[Fraction, ...], Field(min_length=2)] | None = None
    """β_1..β_T one by one, in place of the above."""

    def table(self) -> tuple[float, ...]:
        """β_1..β_T.

        >>> DdpmSchedule(kind="ddpm", beta_start=0.1, beta_end=0.3, steps=3).table()
        (0.1, 0.2, 0.3)
        """
        if self.betas is not None:
            return self.betas
        power = 1.0 if self.beta == "linear" else 0.5
        low, high = self.beta_start**power, self.beta_end**power
        return tuple((low + (high - low) * k / (self.steps - 1)) ** (1 / power) for k in range(self.steps))


class EdmSchedule(Model):
    """σ(t) = (σ_min^(1/ρ) + t (σ_max^(1/ρ) − σ_min^(1/ρ)))^ρ, γ = 2 log σ (arXiv:2206.00364, eq. 5)."""

    kind: Literal["edm"]
    sigma_min: Positive = 0.002
    """σ at t = 0, in units of the prior's scale; the paper's numbers are for a scale of 1."""
    sigma_max: Positive = 80.0
    """σ at t = 1, in the same units."""
    rho: Annotated[float, Field(ge=1, le=100)] = 7.0
    """ρ: large values spend more time at small σ."""

    @model_validator(mode="after")
    def _ordered(self) -> "EdmSchedule":
        _check_sigma(EdmSchedule, self.sigma_min, self.sigma_max)
        return self


class VeSchedule(Model):
    """The variance-exploding SDE, σ(t) = σ_min (σ_max/σ_min)^t, γ = 2 log σ (arXiv:2011.13456, eq. 30)."""

    kind: Literal["ve"]
    sigma_min: Positive = 0.01
    """σ at t = 0, in units of the prior's scale; the paper's numbers are for a scale of 1."""
    sigma_max: Positive = 50.0
    """σ at t = 1, in the same units."""

    @model_validator(mode="after")
    def _ordered(self) -> "VeSchedule":
        _check_sigma(VeSchedule, self.sigma_min, self.sigma_max)
        return self


def _check_sigma(model: type[Model], low: float, high: float) -> None:
    if not low < high:
        message = f"`sigma_min` ({low:g}) must be below `sigma_max` ({high:g}): noise grows from data to prior"
        raise problem(model, "GUD211", message, ("sigma_min",))


AnySharedSchedule = Annotated[
    LinearSchedule | VpSchedule | CosineSchedule | DdpmSchedule | EdmSchedule | VeSchedule, Field(discriminator="kind")
]
