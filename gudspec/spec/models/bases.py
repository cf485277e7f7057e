"""`design.basis`: the orthogonal map U of GUD, eq. (11)."""

from typing import Annotated, Literal

from pydantic import Field

from gudspec.spec.models.base import Model


class PixelBasis(Model):
    """U = 1: components are pixels."""

    kind: Literal["pixel"]


class PcaBasis(Model):
    """U = eigenvectors of the covariance of the data (GUD, App. B)."""

    kind: Literal["pca"]
    colors: Literal["averaged", "mixed"] = "averaged"
    """`averaged`: one spatial U from the colour-averaged data, applied to each channel; `mixed`: one U of all pixels
    and colours, in which nothing stays correlated."""


class FourierBasis(Model):
    """U = the real orthonormal 2-D Fourier basis, per channel (GUD, §5.1)."""

    kind: Literal["fourier"]


class DctBasis(Model):
    """U = the orthonormal 2-D cosine transform (DCT-II), per channel: Fourier without wrapping around the edges."""

    kind: Literal["dct"]


class HaarBasis(Model):
    """U = the orthonormal 2-D Haar wavelet transform, per channel (GUD, App. D)."""

    kind: Literal["haar"]
    levels: Annotated[int, Field(ge=1, le=10)] = 3
    """How often the image is halved; its sides must be divisible by 2^levels."""


class MatrixBasis(Model):
    """U = an orthogonal matrix from a file, one axis per row; rejected if |UUᵀ − 1| exceeds 1e-4 anywhere."""

    kind: Literal["matrix"]
    path: str
    """A `.npy`, or `.npz` with one array: [HW, HW], applied to each channel, or [HWC, HWC], which mixes colours."""


AnySpatialBasis = Annotated[
    PixelBasis | PcaBasis | FourierBasis | DctBasis | HaarBasis | MatrixBasis, Field(discriminator="kind")
]


class ColorBasis(Model):
    """U = luma and two opponent colours ⊗ a spatial basis; needs images of three channels."""

    kind: Literal["color"]
    spatial: AnySpatialBasis = PixelBasis(kind="pixel")
    """The basis of every channel."""


AnyBasis = Annotated[
    PixelBasis | PcaBasis | FourierBasis | DctBasis | HaarBasis | MatrixBasis | ColorBasis, Field(discriminator="kind")
]


def spatial(basis: AnyBasis) -> AnySpatialBasis:
    """What a basis does to each channel.

    >>> spatial(ColorBasis(kind="color", spatial=DctBasis(kind="dct"))).kind
    'dct'
    """
    return basis.spatial if isinstance(basis, ColorBasis) else basis
