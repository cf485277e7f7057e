"""Every form of a convolution against SciPy's, and their gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from gudspec.network.convolution import convolve
from gudspec.network.layers import enlarged

RNG = np.random.default_rng(0)


def expected(image: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Channel by channel: SciPy's correlation of the image, padded as TensorFlow's `SAME` says."""
    height, width, size = *image.shape[1:3], kernel.shape[0]
    pads = [max((-(-side // stride) - 1) * stride + size - side, 0) for side in (height, width)]
    padded = np.pad(image, [(0, 0), *((pad // 2, pad - pad // 2) for pad in pads), (0, 0)])
    results = [
        sum(
            scipy.signal.correlate2d(one[..., i], kernel[..., i, o], mode="valid")[::stride, ::stride]
            for i in range(kernel.shape[2])
        )
        for one in padded
        for o in range(kernel.shape[3])
    ]
    shape = (len(image), kernel.shape[3], -(-height // stride), -(-width // stride))
    return np.asarray(results).reshape(shape).transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("grid", "size", "stride"),
    [
        ((1, 1), 3, 1),
        ((2, 2), 3, 1),
        ((1, 4), 3, 1),
        ((3, 1), 3, 2),
        ((4, 4), 3, 2),
        ((2, 2), 1, 1),
        ((6, 5), 1, 1),
        ((6, 8), 3, 2),
        ((5, 7), 3, 2),
        ((6, 5), 3, 1),
    ],
)
def test_every_form_is_the_convolution(grid: tuple[int, int], size: int, stride: int) -> None:
    image, kernel = RNG.normal(size=(2, *grid, 3)), RNG.normal(size=(size, size, 3, 4))
    small = (jnp.asarray(image, jnp.float32), jnp.asarray(kernel, jnp.float32))
    numbers = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}

    def convolved(image: jax.Array, kernel: jax.Array) -> jax.Array:
        return convolve(image, kernel, (stride, stride), "SAME", **numbers)

    result, back = jax.vjp(convolved, *small)
    np.testing.assert_allclose(result, expected(image, kernel, stride), rtol=1e-5, atol=1e-5)
    # it is linear in each of both: ⟨∂/∂image, other⟩ is what the convolution of the other image would give
    along = RNG.normal(size=result.shape)
    of_image, of_kernel = (np.asarray(part, np.float64) for part in back(jnp.asarray(along, jnp.float32)))
    other, taps = RNG.normal(size=image.shape), RNG.normal(size=kernel.shape)
    np.testing.assert_allclose((of_image * other).sum(), (along * expected(other, kernel, stride)).sum(), atol=1e-3)
    np.testing.assert_allclose((of_kernel * taps).sum(), (along * expected(image, taps, stride)).sum(), atol=1e-3)


def test_an_image_is_enlarged_pixel_by_pixel() -> None:
    image = RNG.normal(size=(2, 3, 4, 5))
    np.testing.assert_array_equal(enlarged(jnp.asarray(image)), image.astype(np.float32).repeat(2, 1).repeat(2, 2))
