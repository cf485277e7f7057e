"""`objective` and `network` of variational autoencoders, whose latents other specs diffuse."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem

__all__ = ["Autoencoder", "Elbo"]


class Elbo(Model):
    """The evidence lower bound of a variational autoencoder (arXiv:1312.6114, eq. 3). Needs the autoencoder network.

    The decoder is a Gaussian whose one standard deviation is learned (arXiv:2006.13202); the prior of the latents is
    N(0, 1). `design` has no meaning then: nothing is noised.
    """

    kind: Literal["elbo"]
    divergence: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Weight of KL(q(z|x) ‖ N(0, 1)) in training: 1 is the bound. Less leaves more of the image in the latents, whose
    density a diffusion model learns better than N(0, 1) describes it: 1e-6 in Latent Diffusion (arXiv:2112.10752)."""


class Autoencoder(Model):
    """A convolutional autoencoder: an image to a Gaussian of latents at lower resolution, and back."""

    kind: Literal["autoencoder"]
    channels: Annotated[int, Field(ge=4, le=16_384, multiple_of=4)] = 32
    """Feature channels at full resolution."""
    multipliers: tuple[Annotated[int, Field(ge=1, le=64)], ...] = (1, 2)
    """Channels of each level, as multiples of `channels`; each level after the first halves the image, and the latents
    have the resolution of the last."""
    blocks: Annotated[int, Field(ge=1, le=64)] = 1
    """Residual blocks per level."""
    latents: Annotated[int, Field(ge=1, le=1024)] = 4
    """Channels of the latents."""

    @model_validator(mode="after")
    def _levels(self) -> "Autoencoder":
        if not self.multipliers:
            raise problem(Autoencoder, "GUD123", "`multipliers` needs at least one level", ("multipliers",))
        return self

    @property
    def labels(self) -> bool:
        """An autoencoder sees no class labels."""
        return False

    @property
    def remat(self) -> bool:
        """Its activations are kept."""
        return False
