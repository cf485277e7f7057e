"""Mean, covariance and component variances of the training images, as the process sees them.

All statistics are those of the *dequantized*, scaled images. The noise of dequantization is never drawn: half a bin
on the mean and (2/levels)²/12 on every variance are exact. Horizontal flips count every image and its mirror image.
Everything is accumulated in float64, a chunk of images at a time, and divided by n (not n − 1).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from gudspec.data.cache import cached_path, remember
from gudspec.data.source import Images, Source
from gudspec.process.dequantize import bits_offset, noise_variance, scale
from gudspec.spec.models.data import Data

__all__ = [
    "LARGEST",
    "Forward",
    "Moments",
    "component_covariance",
    "component_variance",
    "extreme_eigenvalues",
    "extreme_variances",
    "gaussian_bits_per_dim",
    "moments",
    "moments_path",
]

LARGEST = 4096
"""Largest side of a covariance matrix that is formed: 128 MiB."""

_CHUNK = 1024

Forward = Callable[[np.ndarray], np.ndarray]
"""A basis: images [n, H, W, C] to components [n, …], linear and orthonormal."""


@dataclass(frozen=True, eq=False)
class Moments:
    """First and second moments of the dequantized training images."""

    mean: np.ndarray
    """float64 [H, W, C]."""
    covariance: np.ndarray | None
    """float64 [HWC, HWC], of images flattened as [H, W, C]; None above `LARGEST`."""
    averaged: np.ndarray | None
    """float64 [HW, HW], of the mean over the colours of each image; None above `LARGEST`."""
    noise: float
    """What dequantization contributes to the variance of every pixel."""
    count: int
    """Number of images, mirror images included."""


def moments_path(data: Data, source: Source) -> Path:
    """The file that keeps the moments: if it exists, they cost nothing."""
    return cached_path("moments", source.fingerprint, data.dequantize, data.flip)


def moments(data: Data, source: Source) -> Moments:
    """Moments of the training split.

    Args:
        data: the `data` part of a spec.
        source: its source, after `splits`.

    Returns:
        The moments, from the cache if this content was seen before.
    """
    stored = remember(moments_path(data, source), lambda: _moments(data, source))
    return Moments(
        mean=stored["mean"],
        covariance=stored.get("covariance"),
        averaged=stored.get("averaged"),
        noise=noise_variance(source.levels, data.dequantize),
        count=len(source.train) * (2 if data.flip == "horizontal" else 1),
    )


def _moments(data: Data, source: Source) -> dict[str, np.ndarray]:
    height, width, channels = shape = source.shape
    noise = noise_variance(source.levels, data.dequantize)
    flip = data.flip == "horizontal"
    measure = partial(_mean_and_covariance, source.train, source.levels, flip)

    mean, covariance = measure(lambda x: x)
    found = {"mean": mean.reshape(shape)}
    if covariance is not None:
        found["covariance"] = covariance + noise * np.eye(len(covariance))
        averaged = covariance.reshape(height * width, channels, height * width, channels).mean((1, 3))
    else:
        _, averaged = measure(lambda x: x.mean(-1, keepdims=True))
    if averaged is not None:
        found["averaged"] = averaged + noise / channels * np.eye(len(averaged))
    return found


def _mean_and_covariance(
    images: Images, levels: int | None, flip: bool, view: Forward
) -> tuple[np.ndarray, np.ndarray | None]:
    """Mean [k] and covariance [k, k] (None if too large) of `view` of the bin centres, which must keep [n, H, W, …]."""
    shape = view(np.zeros((1, *images.shape))).shape[1:]
    size = int(np.prod(shape))
    total, gram = np.zeros(size), np.zeros((size, size) if size <= LARGEST else (0, 0))
    shift: np.ndarray | float = 0.0
    for start, x in enumerate(_centers(images, levels)):
        rows = view(x).reshape(-1, size)
        shift = rows.mean(0) if start == 0 else shift  # a rough mean, so that nothing large cancels below
        rows = rows - shift
        total += rows.sum(0)
        if gram.size:
            gram += rows.T @ rows
    offset = total / len(images)
    mean = shift + offset
    mirrored = mean.reshape(shape)[:, ::-1].ravel()
    covariance = gram / len(images) - np.outer(offset, offset) if gram.size else None
    if flip:
        if covariance is not None:
            other = covariance.reshape(*shape, *shape)[:, ::-1, :, :, ::-1].reshape(size, size)
            covariance = (covariance + other) / 2 + np.outer(mean - mirrored, mean - mirrored) / 4
        mean = (mean + mirrored) / 2
    return mean, covariance


def _centers(images: Images, levels: int | None) -> Iterator[np.ndarray]:
    """The images, scaled, at the centres of their bins: float64 [≤ chunk, H, W, C]."""
    for chunk in images.chunks(_CHUNK):
        yield scale(chunk.astype(np.float64), levels, 0.5)


def component_variance(data: Data, source: Source, forward: Forward, name: str) -> np.ndarray:
    """Variance of every component of the training split: the Σ_i of an unscaled basis.

    Args:
        data: the `data` part of a spec.
        source: its source, after `splits`.
        forward: the basis, [n, H, W, C] to [n, …]; orthonormal, so that white noise stays white.
        name: what determines `forward` beyond the data, such as the JSON of its spec: part of the key of the cache.

    Returns:
        float64 […], in the layout of the components.
    """

    def compute() -> dict[str, np.ndarray]:
        total, squares, count = np.zeros(()), np.zeros(()), 0
        center = moments(data, source).mean
        for x in _centers(source.train, source.levels):
            for images in (x, x[:, :, ::-1]) if data.flip == "horizontal" else (x,):
                components = forward(images - center)
                total, squares = total + components.sum(0), squares + (components**2).sum(0)
                count += len(components)
        variance = squares / count - (total / count) ** 2
        return {"variance": variance + noise_variance(source.levels, data.dequantize)}

    path = cached_path("component_variance", source.fingerprint, data.dequantize, data.flip, name)
    return remember(path, compute)["variance"]


def extreme_variances(
    data: Data, source: Source, diffused: Forward | None = None, name: str = ""
) -> tuple[float, float] | None:
    """Smallest and largest variance of the data in any direction: what the ends of a schedule of γ have to cover.

    Args:
        data: the `data` part of a spec.
        source: its source, after `splits`.
        diffused: a linear map M of images [n, H, W, C] to [n, …], the variances of whose values are asked for. None for
            the images themselves, and as good for any orthonormal basis: it has the same eigenvalues.
        name: what determines `diffused` beyond the data: part of the key of the cache.

    Returns:
        The extreme eigenvalues of the covariance MCMᵀ; None where it is too large to be formed.
    """
    covariance = moments(data, source).covariance
    if covariance is None:
        return None

    def compute() -> dict[str, np.ndarray]:
        turned = covariance if diffused is None else component_covariance(covariance, source.shape, diffused)
        return {"extremes": np.array(extreme_eigenvalues(turned))}

    path = cached_path("extreme_variances", source.fingerprint, data.dequantize, data.flip, name)
    smallest, largest = remember(path, compute)["extremes"].tolist()
    return smallest, largest


def component_covariance(covariance: np.ndarray, shape: tuple[int, int, int], forward: Forward) -> np.ndarray:
    """U C Uᵀ: a covariance of pixels as one of components, for any linear map U.

    Args:
        covariance: C, float64 [HWC, HWC].
        shape: (H, W, C) of the images.
        forward: the map U, [n, H, W, C] to [n, …].

    Returns:
        float64 [HWC, HWC], components flattened.
    """
    size = len(covariance)
    half = forward(covariance.reshape(size, *shape)).reshape(size, size)  # C Uᵀ, as C is symmetric
    return forward(np.ascontiguousarray(half.T).reshape(size, *shape)).reshape(size, size)


def extreme_eigenvalues(covariance: np.ndarray, component_scale: np.ndarray | None = None) -> tuple[float, float]:
    """Smallest and largest eigenvalue of a covariance C, or of S⁻¹CS⁻¹.

    An orthonormal basis leaves the eigenvalues alone, so without a scale the covariance of the pixels will do.

    Args:
        covariance: C, float64 [d, d].
        component_scale: diagonal of S, [d] or any shape of d components; then C is `component_covariance`.

    Returns:
        The two eigenvalues; the smallest is at least the rounding error of the largest.
    """
    if component_scale is not None:
        flat = component_scale.reshape(-1)
        covariance = covariance / flat / flat[:, None]
    eigenvalues = np.linalg.eigvalsh(covariance)
    largest = float(eigenvalues[-1])
    return max(float(eigenvalues[0]), len(covariance) * np.finfo(np.float64).eps * largest), largest


def gaussian_bits_per_dim(fit: Moments, pixels: np.ndarray, levels: int | None) -> np.ndarray | None:
    """Bits/dim of images under the Gaussian with the training split's mean and full covariance: a baseline.

    The expectation over the dequantization noise is exact: ½ noise·tr(C⁻¹) beyond the quadratic form at the centres.

    Args:
        fit: moments of the training split.
        pixels: images [n, H, W, C], as in `Images.pixels`.
        levels: grey levels of the images; None for real-valued ones.

    Returns:
        float64 [n], one value per image; None if the covariance is too large to be formed or singular.
    """
    if fit.covariance is None:
        return None
    size = len(fit.covariance)
    if fit.noise == 0 and fit.count <= size:
        return None
    try:
        cholesky = np.linalg.cholesky(fit.covariance)
    except np.linalg.LinAlgError:
        return None
    whiten = np.linalg.inv(cholesky)
    constant = size * math.log(2 * math.pi) + 2 * np.log(np.diag(cholesky)).sum() + fit.noise * (whiten**2).sum()
    white = ((x - fit.mean).reshape(-1, size) @ whiten.T for x in _centers(Images(pixels), levels))
    nats: np.ndarray = (constant + np.concatenate([(rows**2).sum(1) for rows in white])) / 2
    return nats / (size * math.log(2)) + bits_offset(levels)
