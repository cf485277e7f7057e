"""From pixels to images in [−1, 1], as every program takes them."""

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.dequantize import scale
from gudspec.spec.models.data import Data

__all__ = ["images_of", "mirrored"]


def images_of(pixels: Array, levels: int | None, data: Data, key: Array) -> Array:
    """Real-valued images in [−1, 1] from quantized ones.

    Args:
        pixels: [b, H, W, C], quantized or real.
        levels: grey levels; None if they are real already.
        data: the `data` part of a spec, which says how they are dequantized.
        key: key of the noise.
    """
    if levels is None:
        return pixels
    uniform = data.dequantize == "uniform"
    return scale(pixels, levels, jax.random.uniform(key, pixels.shape) if uniform else jnp.float32(0.5))


def mirrored(images: Array, data: Data, key: Array) -> Array:
    """The images of a training step: where the data says so, half of them mirrored."""
    if data.flip != "horizontal":
        return images
    chosen = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(chosen, images[:, :, ::-1], images)
