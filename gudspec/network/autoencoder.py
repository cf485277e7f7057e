"""The autoencoder of latents."""

import itertools

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gudspec.network.layers import conv, norm

__all__ = ["Autoencoder"]

_LARGEST = 10.0
"""Log variances of latents are kept within ±10: far outside of what training reaches."""


class Block(nnx.Module):
    """Two convolutions beside a shortcut; the identity at first, where the channels stay."""

    def __init__(self, inputs: int, outputs: int, *, rngs: nnx.Rngs):
        self.norm_in, self.conv_in = norm(inputs, rngs=rngs), conv(inputs, outputs, rngs=rngs)
        self.norm_out, self.conv_out = norm(outputs, rngs=rngs), conv(outputs, outputs, zero=True, rngs=rngs)
        self.skip = conv(inputs, outputs, 1, rngs=rngs) if inputs != outputs else None

    def __call__(self, x: Array) -> Array:
        y = self.conv_in(nnx.silu(self.norm_in(x)))
        y = self.conv_out(nnx.silu(self.norm_out(y)))
        return (x if self.skip is None else self.skip(x)) + y


class Autoencoder(nnx.Module):
    """A Gaussian q(z|x) of latents, and a Gaussian p(x|z) of images (arXiv:1312.6114), both by residual blocks.

    Args:
        shape: the image, (H, W, C); H and W must be divisible by 2^(number of levels − 1).
        channels: feature channels at full resolution.
        multipliers: channels of each level, as multiples of `channels`.
        blocks: residual blocks per level.
        latents: channels of the latents.
        rngs: keys of the initial parameters.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        channels: int,
        multipliers: tuple[int, ...],
        blocks: int,
        latents: int,
        rngs: nnx.Rngs,
    ):
        colors = shape[2]
        sizes = [channels * multiplier for multiplier in multipliers]

        def level(inputs: int, outputs: int) -> nnx.List[Block]:
            widths = [inputs] + [outputs] * blocks
            return nnx.List([Block(one, two, rngs=rngs) for one, two in itertools.pairwise(widths)])

        self.stem = conv(colors, channels, rngs=rngs)
        self.down = nnx.List([level(*widths) for widths in zip([channels, *sizes], sizes, strict=False)])
        self.reduce = nnx.List([conv(size, size, stride=2, rngs=rngs) for size in sizes[:-1]])
        self.code_norm, self.code = norm(sizes[-1], rngs=rngs), conv(sizes[-1], 2 * latents, rngs=rngs)

        back = sizes[::-1]
        self.root = conv(latents, back[0], rngs=rngs)
        self.up = nnx.List([level(*widths) for widths in zip([back[0], *back], back, strict=False)])
        self.enlarge = nnx.List([conv(size, size, enlarge=True, rngs=rngs) for size in back[:-1]])
        self.norm, self.head = norm(channels * multipliers[0], rngs=rngs), conv(sizes[0], colors, rngs=rngs)
        self.log_scale = nnx.Param(jnp.full((), -1.0))

    def encode(self, image: Array) -> tuple[Array, Array]:
        """Mean and log variance of q(z|x), each [b, h, w, latents], of images [b, H, W, C]."""
        x = self.stem(image)
        for index, level in enumerate(self.down):
            for block in level:
                x = block(x)
            x = self.reduce[index](x) if index < len(self.reduce) else x
        mean, log_variance = jnp.split(self.code(nnx.silu(self.code_norm(x))), 2, axis=-1)
        return mean, jnp.clip(log_variance, -_LARGEST, _LARGEST)

    def decode(self, latents: Array) -> tuple[Array, Array]:
        """Mean [b, H, W, C] and log standard deviation, a scalar, of p(x|z) for latents [b, h, w, latents]."""
        x = self.root(latents)
        for index, level in enumerate(self.up):
            for block in level:
                x = block(x)
            if index < len(self.enlarge):
                x = self.enlarge[index](x)
        return self.head(nnx.silu(self.norm(x))), self.log_scale[...]
