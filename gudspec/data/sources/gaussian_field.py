"""Gaussian random fields with a power-law spectrum: real-valued images of known density."""

import numpy as np

from gudspec.data.source import Images, Source
from gudspec.spec.models.data import GaussianField

__all__ = ["field_covariance", "field_spectrum", "read"]


def field_spectrum(spec: GaussianField) -> np.ndarray:
    """Variance of every orthonormal Fourier component: ∝ max(|k|, 1)^−exponent, with mean `variance`.

    Args:
        spec: the source.

    Returns:
        float64 [H, W], indexed like `numpy.fft.fft2`, the same in every channel.
    """
    k = np.fft.fftfreq(spec.size, 1 / spec.size)
    spectrum: np.ndarray = np.maximum(np.hypot(k[:, None], k), 1) ** -spec.exponent
    spectrum *= spec.variance / spectrum.mean()
    return spectrum


def field_covariance(spec: GaussianField) -> np.ndarray:
    """The exact covariance of the images, whose mean is 0.

    Args:
        spec: the source.

    Returns:
        float64 [HWC, HWC] for images flattened as [H, W, C].
    """
    correlation = np.fft.ifft2(field_spectrum(spec)).real
    shift = np.arange(spec.size)[:, None] - np.arange(spec.size)
    pixels = correlation[shift[:, None, :, None], shift[None, :, None, :]].reshape(spec.size**2, spec.size**2)
    return np.kron(pixels, np.eye(spec.channels))


def read(spec: GaussianField) -> Source:
    """`count` training images and a quarter as many test images, float32, drawn with the source's own seed."""
    sizes = (spec.count, max(1, spec.count // 4))
    train, test = (Images(_draw(spec, stream, size)) for stream, size in enumerate(sizes))
    return Source.of(train, test, levels=None, identity=spec.model_dump_json())


def _draw(spec: GaussianField, stream: int, count: int) -> np.ndarray:
    """White noise, coloured in Fourier space: float32 [count, H, W, C]."""
    shape = (spec.size, spec.size)
    amplitude = np.sqrt(field_spectrum(spec))[:, : spec.size // 2 + 1, None]
    noise = np.random.default_rng([spec.seed, stream]).standard_normal((count, *shape, spec.channels))
    colored = np.fft.irfft2(np.fft.rfft2(noise, axes=(1, 2)) * amplitude, shape, axes=(1, 2))
    return colored.astype(np.float32)
