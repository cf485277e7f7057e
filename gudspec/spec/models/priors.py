"""`design.prior`: the scale S of GUD, eq. (11)."""

from typing import Annotated, Literal

from pydantic import Field

from gudspec.spec.models.base import Model


class IsotropicPrior(Model):
    """S = scale·1: the process ends in white noise ("unwhitened" in GUD, §5.1)."""

    kind: Literal["isotropic"]
    scale: Annotated[float, Field(gt=0)] = 1.0
    """Standard deviation of the prior noise, in units of the [−1, 1] images."""


class DataVariancePrior(Model):
    """S_i = √Σ_i: the process ends in noise with the data's variances ("whitened" in GUD, §4.4 and §5.1)."""

    kind: Literal["data_variance"]


class PowerLawPrior(Model):
    """S_i ∝ max(|k_i|, k_0)^(−p), |k| in cycles per image. Needs a basis with frequencies: fourier or dct."""

    kind: Literal["power_law"]
    exponent: Annotated[float, Field(ge=0, le=8)] = 1.0
    """The p of standard deviations, so that variances fall as |k|^(−2p); 1 is near photographs."""
    cutoff: Annotated[float, Field(gt=0)] = 1.0
    """k_0 in cycles per image: the law is flat below it, and defined at k = 0."""
    scale: Annotated[float, Field(gt=0)] | None = None
    """Root mean square of S; null takes that of the data, so that the prior has the data's mean variance."""


class FilePrior(Model):
    """S from a file: the standard deviation of the prior noise of every component."""

    kind: Literal["file"]
    path: str
    """A `.npy`, or `.npz` with one array, of positive numbers: [H, W, C], or [H, W, 1] for the same in every channel.
    Components that always belong together (cos and sin of a Fourier frequency) take their root mean square."""


AnyPrior = Annotated[IsotropicPrior | DataVariancePrior | PowerLawPrior | FilePrior, Field(discriminator="kind")]
