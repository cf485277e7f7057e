"""Convolutions in the form that costs least.

On CPUs XLA takes long for a few cases of little arithmetic: grids of hardly any pixels, where most of a kernel lies
outside; the gradient of a convolution with stride, which is one of an image spread out with zeros; kernels of a single
pixel. Each is another, ordinary operation with the same numbers, which suits accelerators as well.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

__all__ = ["convolve"]

_FEW = 4
"""Pixels of a result up to which a matrix from all pixels to all pixels has no more to multiply than the image has."""


def convolve(image: Array, kernel: Array, strides: tuple[int, int], padding: str, **options: Any) -> Array:
    """`jax.lax.conv_general_dilated` of [b, h, w, inputs] and [k, k, inputs, outputs], padded to the `SAME` size.

    Args:
        image: [b, h, w, inputs].
        kernel: [k, k, inputs, outputs].
        strides: the same in both directions.
        padding: `SAME`; as is of no use to the other forms.
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
    if (size, stride) == (3, 2) and height % 2 == width % 2 == 0:
        return _folded(image, kernel, **options)
    return jax.lax.conv_general_dilated(image, kernel, strides, padding, **options)


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


def _folded(image: Array, kernel: Array, **options: Any) -> Array:
    """Stride 2 of three taps without stride: every two by two pixels become channels of one.

    The result's pixel p sees the pixels 2p, 2p + 1 and 2p + 2, that is both of pair p and the first of pair p + 1.
    """
    batch, height, width, inputs = image.shape
    pairs = image.reshape(batch, height // 2, 2, width // 2, 2, inputs).swapaxes(2, 3)
    taps = jnp.pad(kernel, ((0, 1), (0, 1), (0, 0), (0, 0))).reshape(2, 2, 2, 2, *kernel.shape[2:]).swapaxes(1, 2)
    folded = pairs.reshape(batch, height // 2, width // 2, 4 * inputs)
    return jax.lax.conv_general_dilated(folded, taps.reshape(2, 2, 4 * inputs, -1), (1, 1), [(0, 1), (0, 1)], **options)
