"""A basis given as a matrix."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, matmul
from gudspec.process.bases.base import Basis

__all__ = ["Matrix"]


@dataclass(frozen=True, eq=False)
class Matrix(Basis):
    """U = any orthogonal matrix (GUD, eq. 11), of one channel or of the whole image.

    >>> import numpy as np
    >>> swap = Matrix(np.array([[0.0, 1.0], [1.0, 0.0]]))
    >>> swap.forward(np.array([[[1.0], [2.0]]])).ravel()
    array([2., 1.])

    Args:
        axes: one orthonormal axis per row; [HW, HW], applied to each channel, or [HWC, HWC], which mixes colours.
    """

    axes: Array

    def forward(self, image: Array) -> Array:
        """Component k is Σ_p axes[k, p] φ[p], of each channel or of the image; laid out in reading order of k."""
        return self._product(self.axes, image)

    def inverse(self, components: Array) -> Array:
        """φ[p] = Σ_k axes[k, p] χ[k]."""
        return self._product(self.axes.T, components)

    @staticmethod
    def _product(matrix: Array, values: Array) -> Array:
        # [..., HW, C] where the matrix is of one channel, [..., HWC, 1] where it is of the whole image
        flat = values.reshape((*values.shape[:-3], matrix.shape[1], -1))
        return matmul(matrix, flat).reshape(values.shape)
