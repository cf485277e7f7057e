r"""The orthonormal cosine basis."""

from dataclasses import dataclass

import numpy as np

from gudspec.process.arrays import Array, namespace
from gudspec.process.bases.base import Basis

__all__ = ["Dct", "cosine_frequencies"]


def cosine_frequencies(shape: tuple[int, int, int]) -> np.ndarray:
    """|k| of every component [H, W, C] of the cosine layout, k in cycles per image: component n has n/2 of them.

    >>> cosine_frequencies((3, 3, 1))[:, :, 0].round(2)
    array([[0.  , 0.5 , 1.  ],
           [0.5 , 0.71, 1.12],
           [1.  , 1.12, 1.41]])
    """
    rows, columns = (np.arange(size) / 2 for size in shape[:2])
    return np.broadcast_to(np.hypot(rows[:, None], columns)[:, :, None], shape).copy()


@dataclass(frozen=True, eq=False)
class Dct(Basis):
    r"""U = the orthonormal 2-D DCT-II, per channel: the modes of heat dissipation (arXiv:2206.13397).

    Along each axis of length N,  X_n = √((2 − δ_n0)/N) Σ_x φ_x cos(πn(2x + 1)/(2N)). With the even positions first
    and the odd ones behind them backwards, that is one real FFT of length N and one product with the weights
    w_k = √2 exp(−iπk/(2N)), w_0 = 1 (Makhoul, IEEE Trans. ASSP 28, 27 (1980)):  X_k − i X_{N−k} = w_k F_k, X_N = 0.

    >>> Dct().forward(np.ones((2, 2, 1)))[:, :, 0].round(6) + 0
    array([[2., 0.],
           [0., 0.]])
    """

    def forward(self, image: Array) -> Array:
        """Images [..., H, W, C] to cosine components [..., H, W, C]."""
        return _forward(_forward(image, -3), -2)

    def inverse(self, components: Array) -> Array:
        """Cosine components [..., H, W, C] to images [..., H, W, C]."""
        return _inverse(_inverse(components, -3), -2)


def _forward(x: Array, axis: int) -> Array:
    xp, size = namespace(x), x.shape[axis]
    spectrum = xp.fft.rfft(xp.take(xp.moveaxis(x, axis, -1), _folded(size), axis=-1), norm="ortho")
    folded = _weights(size, spectrum) * spectrum
    # k = 0 … N/2 are the real parts; k = N/2 + 1 … N − 1 the imaginary ones, backwards
    upper = -folded.imag[..., 1 : (size + 1) // 2]
    return xp.moveaxis(xp.concatenate([folded.real, upper[..., ::-1]], axis=-1), -1, axis)


def _inverse(components: Array, axis: int) -> Array:
    xp, size = namespace(components), components.shape[axis]
    x = xp.moveaxis(components, axis, -1)
    half = size // 2 + 1
    mirrored = xp.concatenate([xp.zeros_like(x[..., :1]), x[..., ::-1]], axis=-1)[..., :half]
    folded = x[..., :half] - 1j * mirrored
    image = xp.fft.irfft(folded / _weights(size, folded), n=size, norm="ortho")
    return xp.moveaxis(xp.take(image, np.argsort(_folded(size)), axis=-1), -1, axis)


def _folded(size: int) -> np.ndarray:
    """Even positions, then the odd ones backwards."""
    return np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)[::-1]])


def _weights(size: int, like: Array) -> Array:
    k = np.arange(size // 2 + 1)
    weights = np.where(k == 0, 1, np.sqrt(2)) * np.exp(-0.5j * np.pi * k / size)
    return namespace(like).asarray(weights, dtype=like.dtype)
