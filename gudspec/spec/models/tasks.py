"""`task`: what is drawn with something given, instead of from noise alone."""

from typing import Annotated, Literal

from pydantic import Field

from gudspec.spec.models.base import Model

__all__ = [
    "AnyMask",
    "AnyTask",
    "Colorize",
    "Extend",
    "FileMask",
    "Generate",
    "HalfMask",
    "Inpaint",
    "Interpolate",
    "Reconstruct",
    "RectangleMask",
    "Roundtrip",
    "ScatteredMask",
    "Upscale",
]

Pixels = Annotated[int, Field(ge=1, le=16_384)]


class _FromImages(Model):
    images: Literal["train", "validation", "test"] = "test"
    """The split of which images are given, evenly spread over it."""


class RectangleMask(Model):
    """A rectangle is hidden."""

    kind: Literal["rectangle"]
    top: Annotated[int, Field(ge=0)]
    """First hidden row."""
    left: Annotated[int, Field(ge=0)]
    """First hidden column."""
    height: Pixels
    """Hidden rows."""
    width: Pixels
    """Hidden columns."""


class HalfMask(Model):
    """One half is hidden."""

    kind: Literal["half"]
    hidden: Literal["left", "right", "top", "bottom"] = "right"
    """Which half."""


class ScatteredMask(Model):
    """Pixels anywhere are hidden, the same ones in every image."""

    kind: Literal["scattered"]
    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the pixels that is hidden."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice."""


class FileMask(Model):
    """Hidden is what a file says."""

    kind: Literal["file"]
    path: str
    """A `.npy`, or `.npz` with one array, [H, W]: not 0 where pixels are hidden."""


AnyMask = Annotated[RectangleMask | HalfMask | ScatteredMask | FileMask, Field(discriminator="kind")]


class Inpaint(_FromImages):
    """Hidden pixels are drawn, given all others. Needs pixels as components."""

    kind: Literal["inpaint"]
    mask: AnyMask
    """What is hidden."""


class Upscale(_FromImages):
    """Details are drawn, given the image at lower resolution. Needs the haar basis."""

    kind: Literal["upscale"]
    levels: Annotated[int, Field(ge=1, le=10)] = 1
    """How often the given image was halved."""


class Colorize(_FromImages):
    """Colours are drawn, given the luma. Needs the color basis."""

    kind: Literal["colorize"]


class Generate(Model):
    """Images are drawn from noise alone."""

    kind: Literal["generate"]


class Reconstruct(_FromImages):
    """Images are noised to a time and drawn back from there, again and again with other noise (GUD, Fig. 8)."""

    kind: Literal["reconstruct"]
    time: Annotated[float, Field(gt=0, le=1)] = 0.5
    """The time t to which an image is noised."""
    draws: Annotated[int, Field(ge=1, le=64)] = 4
    """How often each is drawn back."""


class Extend(Model):
    """Strips of any length: what is done is cut off, prior noise is appended, and on it goes (GUD, App. C).

    Needs pixels as components and a sequential schedule over columns or rows, in whose direction the strip grows.
    """

    kind: Literal["extend"]
    length: Pixels = 128
    """Pixels of the strip along its direction."""
    stride: Pixels = 1
    """Columns, or rows, that are cut off and appended at a time."""
    time: Annotated[float, Field(gt=0, le=1)] | None = None
    """The time t at which windows begin; null takes the middle of the times at which the method is exact, or where
    there are none, the last at which what is cut off is done."""


class Roundtrip(_FromImages):
    """Images are encoded to their latents by the deterministic sampler run forwards, and decoded again.

    What comes back differs by the error of the sampler (DDIM, arXiv:2010.02502, §5.4).
    """

    kind: Literal["roundtrip"]


class Interpolate(_FromImages):
    """The latents of pairs of images, and what lies between them on the sphere (DDIM, arXiv:2010.02502, App. D.5)."""

    kind: Literal["interpolate"]
    points: Annotated[int, Field(ge=3, le=64)] = 8
    """Images of each row, both ends included."""


AnyTask = Annotated[
    Generate | Inpaint | Upscale | Colorize | Reconstruct | Extend | Roundtrip | Interpolate,
    Field(discriminator="kind"),
]

ON_THE_PATH = (Generate, Reconstruct, Roundtrip, Interpolate)
"""Tasks that meet no noising states but those of the path that is followed."""
