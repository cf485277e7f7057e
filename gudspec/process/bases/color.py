"""Colours and space apart."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, matmul, namespace
from gudspec.process.bases.base import Basis
from gudspec.process.bases.haar import Haar
from gudspec.process.groups import Groups

__all__ = ["OPPONENT", "Color", "coarser"]

OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
"""Luma, red − blue and magenta − green: the orthonormal rows of the I1 I2 I3 axes, near the principal axes of
photographs (Ohta, Kanade, Sakai, Computer Graphics and Image Processing 13, 222 (1980))."""


@dataclass(frozen=True, eq=False)
class Color(Basis):
    """U = the orthonormal map `OPPONENT` of three colours ⊗ a spatial basis; they commute, being of different axes.

    >>> from gudspec.process.bases.pixel import Pixel
    >>> grey = np.ones((1, 1, 3))
    >>> Color(Pixel()).forward(grey).ravel().round(3) + 0
    array([1.732, 0.   , 0.   ])

    Args:
        spatial: the basis of every channel.
    """

    spatial: Basis

    def forward(self, image: Array) -> Array:
        """Component (k, j) is Σ_c OPPONENT[j, c] (spatial φ)[k, c]; luma is channel 0."""
        return self.spatial.forward(_mix(image, OPPONENT.T))

    def inverse(self, components: Array) -> Array:
        """The transposed map of the colours, after the inverse of the spatial basis."""
        return _mix(self.spatial.inverse(components), OPPONENT)

    def groups(self, shape: tuple[int, int, int]) -> Groups:
        """Those of the spatial basis."""
        return self.spatial.groups(shape)


def coarser(basis: Basis, halvings: int) -> Basis:
    """The basis that is left of a haar basis without its finest levels, on an image halved as often.

    Args:
        basis: a haar basis, of colours or not; any basis if nothing is halved.
        halvings: how many levels are left out.
    """
    match basis:
        case Haar(levels=levels):
            return Haar(levels - halvings)
        case Color(spatial=spatial):
            return Color(coarser(spatial, halvings))
        case _:
            assert halvings == 0, "this basis has no levels"
            return basis


def _mix(image: Array, axes: np.ndarray) -> Array:
    xp = namespace(image)
    return matmul(image, xp.asarray(axes, dtype=image.dtype))
