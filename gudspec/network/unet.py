"""The noising-state-conditional U-Net of GUD, App. A."""

from collections.abc import Iterator
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx
from jax import Array

from gudspec.network.layers import CrossAttention, ResidualBlock, conv, norm
from gudspec.network.state import StateEmbedding

__all__ = ["Unet"]


class Stage(nnx.Module):
    """A residual block, then attention to the noising state where the grid is small enough for it."""

    def __init__(self, block: ResidualBlock, attention: CrossAttention | None):
        self.block = block
        self.attention = attention

    def __call__(self, x: Array, vector: Array, state: Array, dropout_key: Array | None) -> Array:
        x = self.block(x, vector, dropout_key)
        return x if self.attention is None else self.attention(x, state)


class Entry(nnx.Module):
    """How an image on a coarser grid enters the level of its size, and leaves it."""

    def __init__(self, colors: int, before: int, inside: int, *, rngs: nnx.Rngs):
        self.stem = conv(colors, before, rngs=rngs)
        self.norm = norm(inside, rngs=rngs)
        self.head = conv(inside, colors, zero=True, rngs=rngs)


class Unet(nnx.Module):
    """A U-Net after Score-Based Generative Modeling (arXiv:2011.13456) that sees the noising state, never the time.

    The tokens are embedded once. Their mean, together with the class label where there is one, scales and shifts every
    residual block; on grids of at most `attention` pixels a side the image also attends to the tokens one by one. Where
    tokens are pixels, each sees its own γ too: as a further channel of the image, the noise level map of FFDNet
    (arXiv:1710.04026, §3.1).

    An image that has been halved n times enters at level n, which has its size: one trunk serves all grids.

    Args:
        shape: the image, (H, W, C); H and W must be divisible by 2^(number of levels − 1).
        tokens: T, number of noising-state tokens.
        maps: channels that the image has beside its C, of γ.
        channels: feature channels at full resolution.
        multipliers: channels of each level, as multiples of `channels`.
        blocks: residual blocks per level.
        attention: largest grid side with cross-attention.
        heads: attention heads.
        state: features per token.
        mixer_layers: MLP-Mixer layers over the tokens.
        mixer_tokens: how many tokens they mix at most; more are reduced before.
        dropout: dropout rate.
        classes: number of class labels; 0 makes the network unconditional.
        remat: computes the inside of stages again in the backward pass.
        coarser: how many coarser grids it serves beside its own, each half of the one before; fewer than it has levels.
        rngs: keys of the initial parameters.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        tokens: int,
        *,
        maps: int = 0,
        channels: int,
        multipliers: tuple[int, ...],
        blocks: int,
        attention: int,
        heads: int,
        state: int,
        mixer_layers: int,
        mixer_tokens: int,
        dropout: float,
        classes: int,
        remat: bool = False,
        coarser: int = 0,
        rngs: nnx.Rngs,
    ):
        height, width, colors = shape
        vector = 4 * channels

        self.embed_state = StateEmbedding(tokens, mixer_tokens, state, mixer_layers, rngs=rngs)
        tokens = self.embed_state.tokens

        def stage(inputs: int, outputs: int, level: int) -> Stage:
            grid = (height >> level, width >> level)
            block = ResidualBlock(inputs, outputs, vector, dropout, rngs=rngs)
            # a single token has nothing to choose from: its mean says all
            attends = tokens > 1 and max(grid) <= attention
            cross = CrossAttention(outputs, grid[0] * grid[1], tokens, state, heads, rngs=rngs) if attends else None
            return Stage(block, cross)

        self.embed_label = nnx.Embed(classes, vector, rngs=rngs) if classes else None
        self.vector_in = nnx.Linear(state, vector, rngs=rngs)
        self.vector_out = nnx.Linear(vector, vector, rngs=rngs)

        sizes = [channels * multiplier for multiplier in multipliers]
        self.stem = conv(colors + maps, channels, rngs=rngs)
        down, reduce, skips, current = [], [], [channels], channels
        for level, size in enumerate(sizes):
            for _ in range(blocks):
                down.append(stage(current, size, level))
                current = size
                skips.append(current)
            if level < len(sizes) - 1:
                reduce.append(conv(current, current, stride=2, rngs=rngs))
                skips.append(current)
        self.down, self.reduce = nnx.List(down), nnx.List(reduce)

        self.middle = nnx.List([stage(current, current, len(sizes) - 1) for _ in range(2)])

        up, enlarge = [], []
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(blocks + 1):
                up.append(stage(current + skips.pop(), size, level))
                current = size
            if level > 0:
                enlarge.append(conv(current, current, enlarge=True, rngs=rngs))
        self.up, self.enlarge = nnx.List(up), nnx.List(enlarge)

        self.norm = norm(current, rngs=rngs)
        self.head = conv(current, colors, zero=True, rngs=rngs)
        pairs = pairwise(sizes[: coarser + 1])
        self.entries = nnx.List([Entry(colors, before, inside, rngs=rngs) for before, inside in pairs])
        self.blocks = blocks
        self.remat = remat

    def __call__(
        self,
        image: Array,
        tokens: Array,
        labels: Array | None = None,
        *,
        halvings: int = 0,
        dropout_key: Array | None = None,
    ) -> Array:
        """Predicts an image from an image.

        Args:
            image: [b, H, W, C + maps], of about unit variance; halved as often as `halvings` says.
            tokens: (γ, position label) per token, [b or 1, T, 2], of order one.
            labels: class labels [b], where the network has classes.
            halvings: the level at which the image enters; static.
            dropout_key: key of the dropout masks; None drops nothing.

        Returns:
            What is predicted, [b, H, W, C].
        """
        keys = _keys(dropout_key)
        state = self.embed_state(tokens).astype(image.dtype)
        vector = self.vector_in(state.mean(axis=1))
        if self.embed_label is not None:
            assert labels is not None, "this network is conditioned on class labels"
            vector = vector + self.embed_label(labels)
        vector = nnx.silu(self.vector_out(nnx.silu(vector)))

        apply = _forgetful if self.remat else Stage.__call__
        ends: Unet | Entry = self.entries[halvings - 1] if halvings else self
        x = ends.stem(image)
        skips, reduce = [x], iter(self.reduce[halvings:])
        for index, stage in enumerate(self.down[halvings * self.blocks :], 1):
            x = apply(stage, x, vector, state, next(keys))
            skips.append(x)
            if index % self.blocks == 0 and (reduction := next(reduce, None)) is not None:
                x = reduction(x)
                skips.append(x)
        for stage in self.middle:
            x = apply(stage, x, vector, state, next(keys))
        enlarge = iter(self.enlarge)
        for index, stage in enumerate(self.up[: len(self.up) - halvings * (self.blocks + 1)], 1):
            x = apply(stage, jnp.concatenate([x, skips.pop()], axis=-1), vector, state, next(keys))
            if index % (self.blocks + 1) == 0 and skips:
                x = next(enlarge)(x)
        return ends.head(nnx.silu(ends.norm(x)))


def _forgetful(stage: Stage, *inputs: Array | None) -> Array:
    """What a stage makes of its inputs; its inside is computed again in the backward pass.

    The stage is taken apart and put together inside, since `nnx.remat` cannot be used in a loop around the network.
    """
    graph, state = nnx.split(stage)
    return jax.checkpoint(lambda state, *inputs: nnx.merge(graph, state)(*inputs))(state, *inputs)


def _keys(key: Array | None) -> Iterator[Array | None]:
    """A fresh dropout key per stage, or None for ever."""
    index = 0
    while True:
        yield None if key is None else jax.random.fold_in(key, index)
        index += 1
