"""Principal components of the colour-averaged data."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, namespace
from gudspec.process.bases.base import Basis

__all__ = ["Pca", "principal_axes"]


@dataclass(frozen=True, eq=False)
class Pca(Basis):
    """U = principal axes of the colour-averaged data, the same in every channel (GUD, App. B).

    The covariance of the averaged data is diagonal in this basis; channels stay correlated.

    Args:
        axes: [HW, HW], one orthonormal axis per row, variances falling.
    """

    axes: Array

    def forward(self, image: Array) -> Array:
        """Component k of channel c is Σ_p axes[k, p] φ[p, c]; laid out in reading order of k."""
        return self._product(self.axes, image)

    def inverse(self, components: Array) -> Array:
        """φ[p, c] = Σ_k axes[k, p] χ[k, c]."""
        return self._product(self.axes.T, components)

    @staticmethod
    def _product(matrix: Array, values: Array) -> Array:
        xp = namespace(matrix, values)
        flat = values.reshape((*values.shape[:-3], matrix.shape[1], values.shape[-1]))
        return xp.matmul(matrix, flat).reshape(values.shape)


def principal_axes(covariance: np.ndarray) -> np.ndarray:
    """Eigenvectors of a covariance [n, n] as rows, variances falling; the largest entry of each is positive.

    The sign rule makes the basis a function of the data alone, not of the linear-algebra library.

    >>> principal_axes(np.array([[1.0, 0.0], [0.0, 4.0]]))
    array([[0., 1.],
           [1., 0.]])
    """
    axes: np.ndarray = np.linalg.eigh(covariance)[1].T[::-1]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(1, keepdims=True), 1)
    signed: np.ndarray = axes * np.sign(largest)
    return signed
