"""The orthonormal Haar wavelet basis."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gudspec.process.arrays import Array, namespace
from gudspec.process.bases.base import Basis

__all__ = ["Haar", "wavelet_columns", "wavelet_levels"]


@dataclass(frozen=True, eq=False)
class Haar(Basis):
    """U = the 2-D Haar transform with factors 1/√2, per channel (GUD, App. D).

    Layout: each level replaces the low-pass image X by the four quarters [[LL, LH], [HL, HH]] of (26) and goes on
    with LL, so that LL(N) stands in the upper left corner.

    Args:
        levels: N, how often the image is halved; H and W must be divisible by 2^N.
    """

    levels: int

    def forward(self, image: Array) -> Array:
        """Images [..., H, W, C] to wavelet components [..., H, W, C]."""
        return self._forward(image, self.levels)

    def _forward(self, image: Array, levels: int) -> Array:
        if levels == 0:
            return image
        xp = namespace(image)
        top, bottom = image[..., 0::2, :, :], image[..., 1::2, :, :]
        rows = xp.concatenate([top + bottom, top - bottom], axis=-3)
        left, right = rows[..., :, 0::2, :], rows[..., :, 1::2, :]
        quarters = 0.5 * xp.concatenate([left + right, left - right], axis=-2)
        height, width = quarters.shape[-3] // 2, quarters.shape[-2] // 2
        low = self._forward(quarters[..., :height, :width, :], levels - 1)
        upper = xp.concatenate([low, quarters[..., :height, width:, :]], axis=-2)
        return xp.concatenate([upper, quarters[..., height:, :, :]], axis=-3)

    def inverse(self, components: Array) -> Array:
        """Wavelet components [..., H, W, C] to images [..., H, W, C]."""
        return self._inverse(components, self.levels)

    def _inverse(self, components: Array, levels: int) -> Array:
        if levels == 0:
            return components
        xp = namespace(components)
        height, width = components.shape[-3] // 2, components.shape[-2] // 2
        low = self._inverse(components[..., :height, :width, :], levels - 1)
        upper = xp.concatenate([low, components[..., :height, width:, :]], axis=-2)
        quarters = xp.concatenate([upper, components[..., height:, :, :]], axis=-3)
        left, right = quarters[..., :, :width, :], quarters[..., :, width:, :]
        rows = _interleave(left + right, left - right, axis=-2)
        top, bottom = rows[..., :height, :, :], rows[..., height:, :, :]
        return 0.5 * _interleave(top + bottom, top - bottom, axis=-3)


def _interleave(even: Array, odd: Array, axis: int) -> Array:
    stacked = namespace(even).stack([even, odd], axis=axis)
    shape = list(even.shape)
    shape[axis] *= 2
    return stacked.reshape(shape)


def _blocks(shape: tuple[int, int, int], levels: int) -> list[tuple[int, int]]:
    """Height and width of the low-pass image after 0, 1, …, N levels."""
    return [(shape[0] >> n, shape[1] >> n) for n in range(levels + 1)]


def wavelet_levels(shape: tuple[int, int, int], levels: int) -> np.ndarray:
    """Level of every component of the Haar layout [H, W, C]: 0 for LL(N), 1 for the coarsest details, N the finest.

    >>> wavelet_levels((4, 4, 1), 2)[:, :, 0]
    array([[0, 1, 2, 2],
           [1, 1, 2, 2],
           [2, 2, 2, 2],
           [2, 2, 2, 2]])
    """
    result = np.zeros(shape, int)
    for coarser, (height, width) in enumerate(_blocks(shape, levels)):
        result[:height, :width] = levels - coarser
    return result


def wavelet_columns(shape: tuple[int, int, int], levels: int) -> np.ndarray:
    """Column, inside its own band, of every component of the Haar layout [H, W, C], from 0.

    >>> wavelet_columns((4, 4, 1), 2)[:, :, 0]
    array([[0, 0, 0, 1],
           [0, 0, 0, 1],
           [0, 1, 0, 1],
           [0, 1, 0, 1]])
    """
    result = np.zeros(shape, int)
    for (height, width), (_, half) in pairwise(_blocks(shape, levels)):
        result[:height, :width] = (np.arange(width) % half)[:, None]
    return result
