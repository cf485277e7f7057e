"""Principal components of the data."""

import numpy as np

from gudspec.process.bases.matrix import Matrix

__all__ = ["Pca", "principal_axes"]


class Pca(Matrix):
    """U = principal axes of the data (GUD, App. B); the covariance of that data is diagonal in this basis.

    Axes [HW, HW] of the colour-averaged data serve every channel alike, and channels stay correlated. Axes
    [HWC, HWC] of the data itself mix the colours, and nothing stays correlated.
    """


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
