"""Convolutions in the form that costs least.

On CPUs XLA takes long for two cases of little arithmetic: grids of hardly any pixels, where most of a kernel lies
outside, and kernels of a single pixel. Both are matrix products of the same numbers, which suits accelerators as well.
Of the former devices tell each other gradients by the whole matrix: 16 products of channels for 9 from 2×2 pixels to
2×2, 64 where 4×4 are halved.

Where an image has just been enlarged, every pixel being two by two then, a kernel of 3×3 meets only 2×2 different ones:
sums of its rows and columns on the image as it was take less than half of the arithmetic, in one matrix product.
Devices tell each other gradients by those sums, 16 for 9 taps: of all that they exchange a few percent more.

Folding every two by two pixels into channels would spare convolutions with stride their slow gradient, by several times
on a CPU; but they are few, and kernels with rows of zeros are a larger gradient for devices to tell each other.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["convolve", "convolve_enlarged"]

_FEW = 4
"""Pixels of a result up to which there is a matrix from all of the image's: of two by two pixels no entry is 0."""


def convolve(image: Array, kernel: Array, strides: tuple[int, int], padding: str, **options: Any) -> Array:
    """`jax.lax.conv_general_dilated` of [b, h, w, inputs] and [k, k, inputs, outputs], padded to the `SAME` size.

    Args:
        image: [b, h, w, inputs].
        kernel: [k, k, inputs, outputs].
        strides: the same in both directions.
        padding: `SAME`.
        options: of `jax.lax.conv_general_dilated`.

    Returns:
        [b, ⌈h/stride⌉, ⌈w/stride⌉, outputs].
    """
    assert padding == "SAME", padding
    _, height, width, _ = image.shape
    size, stride = kernel.shape[0], strides[0]
    if size == stride == 1:
        return image @ kernel[0, 0]
    if -(-height // stride) * -(-width // stride) <= _FEW:
        return _as_matrix(image, kernel, stride)
    return jax.lax.conv_general_dilated(image, kernel, strides, padding, **options)


def convolve_enlarged(image: Array, kernel: Array, strides: tuple[int, int], padding: str, **options: Any) -> Array:
    """`convolve` of the image whose pixels are two by two times those of this one, without making it.

    A pixel of the result is in the first or the second half, p, of one of the image, which it meets along with the one
    before or after: tap k of the kernel meets the a-th of the two.

    Args:
        image: [b, h, w, inputs].
        kernel: [3, 3, inputs, outputs].
        strides: 1 in both directions.
        padding: `SAME`.
        options: for `jax.lax.conv_general_dilated`; there is nothing to choose.

    Returns:
        [b, 2h, 2w, outputs].
    """
    assert (kernel.shape[:2], strides, padding) == ((3, 3), (1, 1), "SAME")
    batch, height, width, inputs = image.shape
    outputs = kernel.shape[3]
    halves = jnp.asarray([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], kernel.dtype)  # [p, a, k]
    sums = jnp.einsum("pak,qbl,klio->abipqo", halves, halves, kernel).reshape(4 * inputs, 4 * outputs)
    wide = jnp.pad(image, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pairs = [wide[:, a : a + height + 1, b : b + width + 1] for a in (0, 1) for b in (0, 1)]
    each = (jnp.concatenate(pairs, axis=-1) @ sums).reshape(batch, height + 1, width + 1, 2, 2, outputs)
    quarters = [each[:, p : p + height, q : q + width, p, q] for p in (0, 1) for q in (0, 1)]
    rows = (jnp.stack(row, axis=3) for row in (quarters[:2], quarters[2:]))
    return jnp.stack(list(rows), axis=2).reshape(batch, 2 * height, 2 * width, outputs)


def _as_matrix(image: Array, kernel: Array, stride: int) -> Array:
    """One matrix product for each image, from all of its numbers to all of the result's."""
    batch, height, width, inputs = image.shape
    rows, columns = _taps(height, kernel.shape[0], stride), _taps(width, kernel.shape[1], stride)
    places = np.einsum("ipk,jql->ijpqkl", rows, columns)
    matrix = jnp.einsum("ijpqkl,klab->ijapqb", places.astype(kernel.dtype), kernel)
    shape = (rows.shape[1], columns.shape[1], kernel.shape[3])
    result = image.reshape(batch, -1) @ matrix.reshape(height * width * inputs, -1)
    return result.reshape(batch, *shape)


def _taps(length: int, size: int, stride: int) -> np.ndarray:
    """Whether a pixel i meets the kernel's tap k in the result's pixel p, [i, p, k]."""
    results = -(-length // stride)
    before = max((results - 1) * stride + size - length, 0) // 2
    i, p, k = np.ogrid[:length, :results, :size]
    return (i == p * stride + k - before).astype(np.float32)
