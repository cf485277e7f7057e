"""Schedules that attenuate some components faster than others: blur, cutoffs and dropped levels."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem
from gudspec.spec.models.shared_schedules import AnySharedSchedule, Fraction, GammaInterval, LinearSchedule, Positive


class RgCutoffSchedule(Model):
    """The exact renormalization group, GUD §3.2: γ_k = (log k² − log Λ²)/w with the cutoff Λ = Λ_0 e^(−ct).

    Needs the fourier or the dct basis.
    """

    kind: Literal["rg_cutoff"]
    width: Positive = 1.0
    """The w of α_k² = sigmoid((log Λ² − log k²)/w): how smooth the cutoff is."""
    smallest: Positive = 1.0
    """|k| counts as at least this many cycles per image: k = 0 would never be noised."""
    cutoff: Positive | None = None
    """Λ_0 in cycles per image; null lets the largest |k| start at γ_min."""
    rate: Positive | None = None
    """The c of Λ = Λ_0 e^(−ct); null lets the smallest |k| end at γ_max."""
    gamma: GammaInterval = GammaInterval()
    """The γ_min and γ_max at which `cutoff` and `rate` aim where they are null."""


class BlurringSchedule(Model):
    """Blurring diffusion (arXiv:2209.05557): γ_i = γ − 2 log d_i, d_i = (1 − d_min) e^(−λ_i τ) + d_min.

    γ is the cosine schedule rescaled to `gamma`. Needs the dct basis.
    """

    kind: Literal["blurring"]
    sigma_blur: Positive = 20.0
    """Width of the blur at t = 1 in pixels, of τ = ½ (σ_blur sin²(πt/2))²."""
    d_min: Fraction = 1e-3
    """What blurring leaves of the finest components."""
    gamma: GammaInterval = GammaInterval(min=-10.0, max=10.0)
    """−log snr of the mean colour, at both ends."""


class _Stages(Model):
    base: AnySharedSchedule = LinearSchedule(kind="linear")
    """γ(t) of what is not attenuated."""
    turning: Annotated[tuple[Fraction, ...], Field(min_length=1)] = (0.5,)
    """Times at which Haar levels have gone, the finest first; at most as many as the basis has levels."""
    residual: Fraction = 1e-3
    """What is left of a level that has gone: 0 would be an infinite γ. γ is shifted by −2 log of it."""

    @property
    def gamma(self) -> GammaInterval | None:
        """End points of the base, if it has any."""
        return getattr(self.base, "gamma", None)

    @model_validator(mode="after")
    def _in_order(self) -> "_Stages":
        for i, (one, two) in enumerate(pairwise(self.turning), 1):
            if not one < two:
                message = f"turning point {i + 1} ({two:g}) must be after the one before it ({one:g})"
                raise problem(type(self), "GUD214", message, ("turning", i))
        return self


class DvdpSchedule(_Stages):
    """Dimensionality-varying diffusion (arXiv:2211.16032): each level fades between two turning points.

    γ_i = γ − 2 log λ̄_i, −2 log λ̄_i smooth, from 0 to −2 log `residual`. Needs the haar basis.
    """

    kind: Literal["dvdp"]


class FdmSchedule(_Stages):
    """f-DM (arXiv:2210.04955): during each stage an image turns into its average-pooled self, γ_HF = γ − 2 log(1 − u).

    u is the fraction of the stage that is done; stages end at the turning points. Needs the haar basis.
    """

    kind: Literal["fdm"]


class FdmBlurSchedule(_Stages):
    """f-DM with blur (arXiv:2210.04955): in each stage an image turns into its blurred self. Needs the dct basis."""

    kind: Literal["fdm_blur"]
    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2.0,)
    """Widths of the Gaussian blur in pixels at the turning points, where the stages end; increasing."""

    @model_validator(mode="after")
    def _wider(self) -> "FdmBlurSchedule":
        if len(self.widths) != len(self.turning):
            message = f"{len(self.widths)} widths of blur at {len(self.turning)} turning points"
            raise problem(FdmBlurSchedule, "GUD215", message, ("widths",))
        for i, (one, two) in enumerate(pairwise(self.widths), 1):
            if not one < two:
                message = f"width {i + 1} ({two:g}) must be above the one before it ({one:g}): blur is not undone"
                raise problem(FdmBlurSchedule, "GUD214", message, ("widths", i))
        return self


class SubspaceSchedule(_Stages):
    """Subspace diffusion (arXiv:2205.01490): one γ, above each turning point a level less. Needs the haar basis."""

    kind: Literal["subspace"]
    ramp: Fraction = 0.02
    """Levels are noised during this time before the turning point; the jump of the paper is no path."""

    @model_validator(mode="after")
    def _after_start(self) -> "SubspaceSchedule":
        if self.ramp > self.turning[0]:
            message = f"`ramp` ({self.ramp:g}) must not be longer than the time before the first turning point"
            raise problem(SubspaceSchedule, "GUD214", message, ("ramp",))
        return self
