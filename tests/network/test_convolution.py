"""Every form of a convolution against SciPy's, and their gradients."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal

from gudspec.network.convolution import convolve, convolve_enlarged

RNG = np.random.default_rng(0)
Form = Callable[..., jax.Array]
Reference = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(image, kernel) → result."""


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
    check(convolve, lambda image, kernel: expected(image, kernel, stride), grid, size, stride)


@pytest.mark.parametrize("grid", [(1, 1), (2, 2), (3, 4), (7, 6)])
def test_an_enlarged_image_is_not_made(grid: tuple[int, int]) -> None:
    """The reference makes it."""
    check(convolve_enlarged, lambda image, kernel: expected(image.repeat(2, 1).repeat(2, 2), kernel, 1), grid, 3, 1)


def check(form: Form, reference: Reference, grid: tuple[int, int], size: int, stride: int) -> None:
    """The result, and both gradients."""
    image, kernel = RNG.normal(size=(2, *grid, 3)), RNG.normal(size=(size, size, 3, 4))
    small = (jnp.asarray(image, jnp.float32), jnp.asarray(kernel, jnp.float32))
    numbers = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}

    def convolved(image: jax.Array, kernel: jax.Array) -> jax.Array:
        return form(image, kernel, (stride, stride), "SAME", **numbers)

    result, back = jax.vjp(convolved, *small)
    np.testing.assert_allclose(result, reference(image, kernel), rtol=1e-5, atol=1e-5)
    # it is linear in each of both: ⟨∂/∂image, other⟩ is what the convolution of the other image would give
    along = RNG.normal(size=result.shape)
    of_image, of_kernel = (np.asarray(part, np.float64) for part in back(jnp.asarray(along, jnp.float32)))
    other, taps = RNG.normal(size=image.shape), RNG.normal(size=kernel.shape)
    np.testing.assert_allclose((of_image * other).sum(), (along * reference(other, kernel)).sum(), atol=1e-3)
    np.testing.assert_allclose((of_kernel * taps).sum(), (along * reference(image, taps)).sum(), atol=1e-3)
