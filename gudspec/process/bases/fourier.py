r"""The real orthonormal Fourier basis."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, namespace
from gudspec.process.bases.base import Basis
from gudspec.process.groups import Groups

__all__ = ["Fourier", "frequencies"]


def frequencies(shape: tuple[int, int, int]) -> np.ndarray:
    """|k| of every component [H, W, C] of the Fourier layout, k in cycles per image.

    >>> frequencies((4, 4, 1))[:, :, 0].round(2)
    array([[0.  , 1.  , 2.  , 1.  ],
           [1.  , 1.41, 2.24, 1.41],
           [2.  , 2.24, 2.83, 2.24],
           [1.  , 1.41, 2.24, 1.41]])
    """
    height, width, _ = shape
    rows, columns = np.fft.fftfreq(height, 1 / height), np.fft.fftfreq(width, 1 / width)
    k = np.hypot(rows[:, None], columns[None, :])
    return np.broadcast_to(k[:, :, None], shape).copy()


@dataclass(frozen=True, eq=False)
class Fourier(Basis):
    r"""U = the real orthonormal 2-D Fourier basis, per channel.

    With F the orthonormal discrete Fourier transform of a real image, F(−k) is the conjugate of F(k). Of each
    such pair the first (in reading order) holds √2 Re F and the second √2 Im F; frequencies that are their own
    partner hold F, which is real. Both directions are one fast transform and one product with the weights
    w = 1, √2, √2 i:  U φ = Re(w* F φ) and U⁻¹ χ = Re(F⁻¹ w χ).

    Args:
        shape: the image, (H, W, C).
    """

    shape: tuple[int, int, int]

    def _partner(self) -> tuple[np.ndarray, np.ndarray]:
        """Reading position of k and of −k, each [H, W]."""
        height, width, _ = self.shape
        position = np.arange(height * width).reshape(height, width)
        return position, np.roll(position[::-1, ::-1], 1, (0, 1))

    def _weights(self, like: Array) -> Array:
        position, partner = self._partner()
        weights = np.where(position == partner, 1, np.where(position < partner, np.sqrt(2), 1j * np.sqrt(2)))
        xp = namespace(like)
        # complex numbers of the input's own precision
        return xp.asarray(weights[:, :, None], dtype=(1j * xp.zeros((), like.dtype)).dtype)

    def forward(self, image: Array) -> Array:
        """Images [..., H, W, C] to real Fourier components [..., H, W, C]."""
        xp = namespace(image)
        spectrum = xp.fft.fftn(image, axes=(-3, -2), norm="ortho")
        return xp.real(xp.conj(self._weights(image)) * spectrum)

    def inverse(self, components: Array) -> Array:
        """Real Fourier components [..., H, W, C] to images [..., H, W, C]."""
        xp = namespace(components)
        return xp.real(xp.fft.ifftn(self._weights(components) * components, axes=(-3, -2), norm="ortho"))

    def groups(self, shape: tuple[int, int, int]) -> Groups:
        """Cos and sin of one frequency share a group: only then is the process the same as a filter on F."""
        position, partner = self._partner()
        pair = np.minimum(position, partner)[:, :, None]
        return Groups.of(pair * shape[2] + np.arange(shape[2]))
