"""What is known of the components of a basis before any data is seen. Free of JAX."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gudspec.process import bases
from gudspec.process.arrays import Array
from gudspec.process.groups import Groups
from gudspec.spec.models.bases import (
    AnyBasis,
    ColorBasis,
    DctBasis,
    FourierBasis,
    HaarBasis,
    MatrixBasis,
    PcaBasis,
    PixelBasis,
    spatial,
)

__all__ = ["Layout", "Shape"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Layout:
    """A basis for images of one shape.

    Args:
        spec: `design.basis` of a spec.
        shape: the image, (H, W, C).
    """

    spec: AnyBasis
    shape: Shape

    def basis(self, axes: Array) -> bases.Basis:
        """U; `axes` are those of a pca or matrix basis, and ignored by others."""
        if isinstance(self.spec, ColorBasis):
            return bases.Color(Layout(self.spec.spatial, self.shape).basis(axes))
        match self.spec:
            case PixelBasis():
                return bases.Pixel()
            case PcaBasis():
                return bases.Pca(axes)
            case FourierBasis():
                return bases.Fourier(self.shape)
            case DctBasis():
                return bases.Dct()
            case HaarBasis(levels=levels):
                return bases.Haar(levels)
            case MatrixBasis():
                return bases.Matrix(axes)

    @cached_property
    def groups(self) -> Groups:
        """The finest partition on which a path may differ."""
        return self.basis(np.zeros((0, 0))).groups(self.shape)

    @cached_property
    def haar_levels(self) -> int:
        """Levels of a haar basis; 0 in other bases."""
        basis = spatial(self.spec)
        return basis.levels if isinstance(basis, HaarBasis) else 0

    @cached_property
    def frequencies(self) -> np.ndarray | None:
        """|k| of every component [H, W, C], in bases that have frequencies."""
        match spatial(self.spec):
            case FourierBasis():
                return bases.frequencies(self.shape)
            case DctBasis():
                return bases.cosine_frequencies(self.shape)
            case _:
                return None
