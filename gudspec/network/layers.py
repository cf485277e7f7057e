"""Building blocks of networks."""

import jax.numpy as jnp
from flax import nnx
from jax import Array

from gudspec.network.attention import attend
from gudspec.network.convolution import convolve, convolve_enlarged
from gudspec.network.normalization import GroupNorm

__all__ = ["CrossAttention", "ResidualBlock", "conv", "norm"]


def conv(
    inputs: int,
    outputs: int,
    size: int = 3,
    *,
    stride: int = 1,
    enlarge: bool = False,
    zero: bool = False,
    rngs: nnx.Rngs,
) -> nnx.Conv:
    """A convolution of [b, h, w, inputs].

    Args:
        inputs: channels of the image.
        outputs: channels of the result.
        size: side of the kernel.
        stride: 2 halves the grid.
        enlarge: doubles the grid before, every pixel two by two.
        zero: it starts at zero, so that its branch is the identity at first.
        rngs: keys of the initial parameters.
    """
    kernel = nnx.initializers.zeros if zero else nnx.initializers.variance_scaling(1.0, "fan_avg", "uniform")
    form = convolve_enlarged if enlarge else convolve
    return nnx.Conv(
        inputs, outputs, (size, size), strides=stride, kernel_init=kernel, conv_general_dilated=form, rngs=rngs
    )


def norm(channels: int, *, rngs: nnx.Rngs) -> GroupNorm:
    """Group normalization in as many groups as divide the channels: of at least four channels, at most 32 groups."""
    groups = next(count for count in range(min(32, channels // 4), 0, -1) if channels % count == 0)
    return GroupNorm(channels, num_groups=groups, rngs=rngs)


class ResidualBlock(nnx.Module):
    """Two convolutions, modulated between them by scale and shift from the embedded condition.

    Args:
        inputs: channels of the input.
        outputs: channels of the output.
        condition: width of the condition vector.
        dropout: rate before the second convolution.
        rngs: keys of the initial parameters.
    """

    def __init__(self, inputs: int, outputs: int, condition: int, dropout: float, *, rngs: nnx.Rngs):
        self.norm_in = norm(inputs, rngs=rngs)
        self.conv_in = conv(inputs, outputs, rngs=rngs)
        self.modulate = nnx.Linear(condition, 2 * outputs, rngs=rngs)
        self.norm_out = norm(outputs, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)
        self.conv_out = conv(outputs, outputs, zero=True, rngs=rngs)
        self.skip = conv(inputs, outputs, 1, rngs=rngs) if inputs != outputs else None

    def __call__(self, x: Array, condition: Array, dropout_key: Array | None) -> Array:
        """X [b, h, w, inputs] and condition [b or 1, condition] to [b, h, w, outputs]."""
        y = self.conv_in(nnx.silu(self.norm_in(x)))
        scale, shift = jnp.split(self.modulate(condition), 2, axis=-1)
        y = nnx.silu(self.norm_out(y, scale=scale, shift=shift))
        y = self.dropout(y, deterministic=dropout_key is None, rngs=dropout_key)
        return (x if self.skip is None else self.skip(x)) + self.conv_out(y)


class CrossAttention(nnx.Module):
    """The image attends to the noising state (GUD, App. A).

    One dense layer first reduces the T tokens.

    Args:
        channels: channels of the image features.
        context: how many are left of the tokens; in the paper as many as the grid has positions.
        tokens: T, number of noising-state tokens.
        width: features per token.
        heads: attention heads; divides `channels`.
        rngs: keys of the initial parameters.
    """

    def __init__(self, channels: int, context: int, tokens: int, width: int, heads: int, *, rngs: nnx.Rngs):
        self.heads = heads
        self.norm = norm(channels, rngs=rngs)
        self.reduce = nnx.Linear(tokens, context, rngs=rngs)
        self.query = nnx.Linear(channels, channels, rngs=rngs)
        self.key_value = nnx.Linear(width, 2 * channels, rngs=rngs)
        self.out = nnx.Linear(channels, channels, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Array, state: Array) -> Array:
        """X [b, h, w, channels] and embedded tokens [b or 1, T, width] to [b, h, w, channels]."""
        batch, height, width, channels = x.shape
        context = self.reduce(state.swapaxes(1, 2)).swapaxes(1, 2)
        context = jnp.broadcast_to(self.key_value(context), (batch, context.shape[1], 2 * channels))
        query = self.query(self.norm(x)).reshape(batch, height * width, self.heads, -1)
        key, value = (part.reshape(batch, -1, self.heads, query.shape[3]) for part in jnp.split(context, 2, axis=-1))
        attended = attend(query, key, value)
        return x + self.out(attended.reshape(x.shape))
