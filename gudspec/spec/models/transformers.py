"""`network`, kind `dit`: a transformer over patches of the image."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem

__all__ = ["Conditioning", "Dit", "noise_maps"]

Conditioning = Literal[
    "groups", "scalar", "components", "pixels", "columns", "rows", "levels", "level_columns", "colors"
]
"""Partitions of the components into noising-state tokens."""


def noise_maps(conditioning: Conditioning) -> int:
    """How many channels of γ an image brings into the network, beside its own: one where tokens are pixels."""
    return int(conditioning == "pixels")


class Dit(Model):
    """A diffusion transformer (DiT, arXiv:2212.09748) whose adaptive norms (adaLN-zero) see the noising state.

    Sizes of the paper (Table 1), as width, depth, heads: DiT-S 384, 12, 6, the default; DiT-B 768, 12, 12; DiT-L 1024,
    24, 16; DiT-XL 1152, 28, 16. `patch: 2` is its DiT-S/2.
    """

    kind: Literal["dit"]
    patch: Annotated[int, Field(ge=1, le=256)] = 2
    """Side of the square patches, in pixels; divides the image. All patches attend to each other, so that half the side
    costs 4 times the arithmetic, and 16 times that of attention."""
    width: Annotated[int, Field(ge=4, le=16_384, multiple_of=4)] = 384
    """Features per patch."""
    depth: Annotated[int, Field(ge=1, le=256)] = 12
    """Transformer blocks."""
    heads: Annotated[int, Field(ge=1)] = 6
    """Attention heads; divide `width`."""
    mlp_ratio: Annotated[float, Field(gt=0, le=64)] = 4.0
    """Hidden features of every block's MLP, as a multiple of `width`."""
    conditioning: Conditioning = "groups"
    """The noising-state tokens: a partition of the components on whose parts γ must be constant. `groups` takes the
    groups of the schedule. Their mean drives the adaptive norms; where there are several, every patch also attends to
    them before the first block. With `pixels`, γ is a further channel of the image too."""
    state: Annotated[int, Field(ge=8, le=16_384)] = 32
    """Width of the embedded noising state, per token."""
    mixer_layers: Annotated[int, Field(ge=0, le=64)] = 2
    """MLP-Mixer layers over the tokens."""
    mixer_tokens: Annotated[int, Field(ge=1, le=65_536)] = 64
    """Tokens that the mixer layers take at most. Where there are more, a dense layer first reduces them to so many."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout rate inside the MLPs."""
    labels: bool = False
    """Condition on the source's class labels."""
    label_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the training images whose label is hidden, so that one network also draws without: needed by `guidance`
    (Classifier-Free Diffusion Guidance, arXiv:2207.12598)."""
    grids: Literal["shared", "separate"] = "shared"
    """Where `design.segments` works on several grids: one network for all, which images enter and leave through layers
    of their grid, or one for each."""
    remat: bool = False
    """Compute the inside of every block again in the backward pass instead of keeping it: about a third more
    arithmetic for a fraction of the memory. Gradients are the same up to rounding."""

    @model_validator(mode="after")
    def _heads(self) -> "Dit":
        if self.width % self.heads:
            message = f"`heads` ({self.heads}) must divide `width` ({self.width})"
            raise problem(Dit, "GUD123", message, ("heads",))
        if round(self.mlp_ratio * self.width) < 1:
            message = f"`mlp_ratio` ({self.mlp_ratio:g}) leaves the MLPs no feature"
            raise problem(Dit, "GUD123", message, ("mlp_ratio",))
        return self
