import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process.dequantize import bits_offset, noise_variance, quantize, scale


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("xp", [np, jnp])
def test_quantize_undoes_scale(levels, xp):
    pixels = np.arange(levels, dtype=np.uint8)
    for u in (0.0, 0.25, 0.5, 0.99):
        x = scale(xp.asarray(pixels), levels, xp.full(levels, u + 1e-3 * (u == 0), dtype=xp.float32))
        assert isinstance(x, type(xp.zeros(1)))
        np.testing.assert_array_equal(np.asarray(quantize(x, levels)), pixels)
        assert quantize(x, levels).dtype == xp.uint8


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_scale_fills_the_interval_with_the_stated_noise(levels):
    pixels = np.arange(levels, dtype=np.uint8)
    u = np.linspace(0, 1, 100_001)[:, None]
    x = scale(pixels, levels, u)
    assert (x.min(), x.max()) == (-1, 1)
    np.testing.assert_allclose(x.mean(0), scale(pixels, levels, 0.5), atol=1e-15)
    np.testing.assert_allclose(x.var(0), noise_variance(levels, "uniform"), rtol=1e-4)
    # a step of 1 in the integers is 2/levels here, so a density here is levels/2 times smaller per integer
    assert np.diff(scale(pixels, levels, 0.5))[0] == pytest.approx(2.0 ** -bits_offset(levels))


def test_real_values_pass_unchanged():
    x = np.array([0.25, -3.0], np.float32)
    assert scale(x, None, 0.5) is x
    assert (bits_offset(None), noise_variance(None, "uniform"), noise_variance(256, "none")) == (0, 0, 0)
    assert bits_offset(17) == pytest.approx(np.log2(8.5))
