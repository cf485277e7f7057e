"""The quickstart's U-Net (GUD, arXiv:2410.02667, App. A) as one writes it with the layers of flax NNX.

Its parameters are named as gudspec names them, so that one network can take over the parameters of the other.
"""

import jax
import jax.numpy as jnp
from flax import nnx


def norm(channels, rngs):
    return nnx.GroupNorm(channels, num_groups=channels // 4, rngs=rngs)


def conv(inputs, outputs, rngs, size=3, stride=1):
    return nnx.Conv(inputs, outputs, (size, size), strides=stride, rngs=rngs)


class Mixer(nnx.Module):
    def __init__(self, tokens, width, rngs):
        hidden = min(tokens, 256)
        self.token_norm = nnx.LayerNorm(width, rngs=rngs)
        self.token_in = nnx.Linear(tokens, hidden, rngs=rngs)
        self.token_out = nnx.Linear(hidden, tokens, rngs=rngs)
        self.feature_norm = nnx.LayerNorm(width, rngs=rngs)
        self.feature_in = nnx.Linear(width, 2 * width, rngs=rngs)
        self.feature_out = nnx.Linear(2 * width, width, rngs=rngs)

    def __call__(self, x):
        y = jnp.swapaxes(self.token_norm(x), 1, 2)
        x = x + jnp.swapaxes(self.token_out(nnx.gelu(self.token_in(y))), 1, 2)
        return x + self.feature_out(nnx.gelu(self.feature_in(self.feature_norm(x))))


class Embedding(nnx.Module):
    def __init__(self, tokens, mixed, width, layers, rngs):
        self.lift = nnx.Linear(2, width, rngs=rngs)
        self.reduce = nnx.Linear(tokens, mixed, rngs=rngs) if mixed < tokens else None
        self.mixers = nnx.List([Mixer(mixed, width, rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, tokens):
        x = nnx.gelu(self.lift(tokens))
        if self.reduce is not None:
            x = jnp.swapaxes(self.reduce(jnp.swapaxes(x, 1, 2)), 1, 2)
        for mixer in self.mixers:
            x = mixer(x)
        return self.norm(x)


class Block(nnx.Module):
    def __init__(self, inputs, outputs, vector, rngs):
        self.norm_in = norm(inputs, rngs)
        self.conv_in = conv(inputs, outputs, rngs)
        self.modulate = nnx.Linear(vector, 2 * outputs, rngs=rngs)
        self.norm_out = norm(outputs, rngs)
        self.conv_out = conv(outputs, outputs, rngs)
        self.skip = conv(inputs, outputs, rngs, size=1) if inputs != outputs else None

    def __call__(self, x, vector):
        y = self.conv_in(nnx.silu(self.norm_in(x)))
        scale, shift = jnp.split(self.modulate(vector)[:, None, None], 2, axis=-1)
        y = self.conv_out(nnx.silu(self.norm_out(y) * (1 + scale) + shift))
        return y + (x if self.skip is None else self.skip(x))


class Attention(nnx.Module):
    def __init__(self, channels, positions, tokens, width, heads, rngs):
        self.heads = heads
        self.norm = norm(channels, rngs)
        self.reduce = nnx.Linear(tokens, positions, rngs=rngs)
        self.query = nnx.Linear(channels, channels, rngs=rngs)
        self.key_value = nnx.Linear(width, 2 * channels, rngs=rngs)
        self.out = nnx.Linear(channels, channels, rngs=rngs)

    def __call__(self, x, state):
        b, h, w, c = x.shape
        context = jnp.swapaxes(self.reduce(jnp.swapaxes(state, 1, 2)), 1, 2)
        parts = (self.query(self.norm(x)), *jnp.split(self.key_value(context), 2, axis=-1))
        query, key, value = (part.reshape(b, h * w, self.heads, c // self.heads) for part in parts)
        weights = nnx.softmax(jnp.einsum("bqhd,bkhd->bhqk", query, key) / (c // self.heads) ** 0.5)
        return x + self.out(jnp.einsum("bhqk,bkhd->bqhd", weights, value).reshape(x.shape))


class Stage(nnx.Module):
    def __init__(self, block, attention):
        self.block = block
        self.attention = attention

    def __call__(self, x, vector, state):
        x = self.block(x, vector)
        return x if self.attention is None else self.attention(x, state)


class Unet(nnx.Module):
    """Images [b, H, W, C] and tokens (γ, label) [b, T, 2] to [b, H, W, C]; one block a level."""

    def __init__(self, shape, tokens, channels, multipliers, attention, heads, state, layers, most, rngs):
        height, width, colors = shape
        mixed = min(tokens, most)
        vector, sizes = 4 * channels, [channels * multiplier for multiplier in multipliers]

        def stage(inputs, outputs, level):
            grid, cross = (height >> level, width >> level), None
            if max(grid) <= attention:
                cross = Attention(outputs, grid[0] * grid[1], mixed, state, heads, rngs)
            return Stage(Block(inputs, outputs, vector, rngs), cross)

        self.embed_state = Embedding(tokens, mixed, state, layers, rngs)
        self.vector_in = nnx.Linear(state, vector, rngs=rngs)
        self.vector_out = nnx.Linear(vector, vector, rngs=rngs)
        self.stem = conv(colors, channels, rngs)
        before, skips, last = [channels, *sizes], [channels], len(sizes) - 1
        self.down, self.reduce = nnx.List([]), nnx.List([])
        for level, size in enumerate(sizes):
            self.down.append(stage(before[level], size, level))
            skips.append(size)
            if level < last:
                self.reduce.append(conv(size, size, rngs, stride=2))
                skips.append(size)
        self.middle = nnx.List([stage(sizes[-1], sizes[-1], last) for _ in range(2)])
        self.up, self.enlarge, current = nnx.List([]), nnx.List([]), sizes[-1]
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(2):
                self.up.append(stage(current + skips.pop(), size, level))
                current = size
            if level:
                self.enlarge.append(conv(size, size, rngs))
        self.norm = norm(current, rngs)
        self.head = conv(current, colors, rngs)

    def __call__(self, image, tokens):
        state = self.embed_state(tokens)
        vector = nnx.silu(self.vector_out(nnx.silu(self.vector_in(state.mean(axis=1)))))
        x = self.stem(image)
        skips = [x]
        for level, stage in enumerate(self.down):
            x = stage(x, vector, state)
            skips.append(x)
            if level < len(self.reduce):
                x = self.reduce[level](x)
                skips.append(x)
        for stage in self.middle:
            x = stage(x, vector, state)
        for index, stage in enumerate(self.up):
            x = stage(jnp.concatenate([x, skips.pop()], axis=-1), vector, state)
            if index % 2 and skips:
                b, h, w, c = x.shape
                x = self.enlarge[index // 2](jax.image.resize(x, (b, 2 * h, 2 * w, c), "nearest"))
        return self.head(nnx.silu(self.norm(x)))
