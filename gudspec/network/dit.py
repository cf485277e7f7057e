"""A diffusion transformer whose adaptive norms see the noising state."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import Array

from gudspec.network.attention import attend
from gudspec.network.layers import CrossAttention
from gudspec.network.state import StateEmbedding

__all__ = ["Dit", "positions"]


class Dit(nnx.Module):
    """A transformer over patches, after Scalable Diffusion Models with Transformers (arXiv:2212.09748, §3.2).

    Where the paper has the embedded time, this has the noising state: the tokens are embedded once, and their mean,
    together with the class label where there is one, scales, shifts and gates every block (adaLN-zero). Where there
    are several tokens, the patches also attend to them one by one, once, before the first block. Where tokens are
    pixels, each sees its own γ too, as a further channel of the image.

    The blocks are alike, so their parameters are stacked, [depth, …], and one compiled block runs `depth` times: time
    and memory of compilation do not grow with the depth.

    An image that has been halved n times has a quarter of the patches for each time. It enters and leaves through
    layers of its own; the blocks serve all grids.

    Args:
        shape: the image, (H, W, C); `patch` × 2^coarser divides H and W.
        tokens: T, number of noising-state tokens.
        maps: channels that the image has beside its C, of γ.
        patch: side of the square patches, in pixels.
        width: features per patch; a multiple of 4.
        depth: number of blocks.
        heads: attention heads; divides `width`.
        mlp_ratio: hidden features of each block's MLP, as a multiple of `width`.
        state: features per token.
        mixer_layers: MLP-Mixer layers over the tokens.
        mixer_tokens: how many tokens they mix at most; more are reduced before.
        dropout: dropout rate.
        classes: number of class labels; 0 makes the network unconditional.
        remat: computes the inside of blocks again in the backward pass.
        coarser: how many coarser grids it serves beside its own, each half of the one before.
        rngs: keys of the initial parameters.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        tokens: int,
        *,
        maps: int = 0,
        patch: int,
        width: int,
        depth: int,
        heads: int,
        mlp_ratio: float,
        state: int,
        mixer_layers: int,
        mixer_tokens: int,
        dropout: float,
        classes: int,
        remat: bool = False,
        coarser: int = 0,
        rngs: nnx.Rngs,
    ):
        self.embed_state = StateEmbedding(tokens, mixer_tokens, state, mixer_layers, rngs=rngs)
        tokens = self.embed_state.tokens

        def block(rngs: nnx.Rngs) -> Block:
            return Block(width, heads, round(mlp_ratio * width), dropout, rngs=rngs)

        def ends(halvings: int) -> Ends:
            context = min(tokens, (shape[0] >> halvings) * (shape[1] >> halvings) // patch**2)
            # a single token has nothing to choose from: its mean says all
            cross = CrossAttention(width, context, tokens, state, heads, rngs=rngs) if tokens > 1 else None
            return Ends(patch, shape[2], maps, width, cross, rngs=rngs)

        small = nnx.initializers.normal(0.02)
        self.embed_label = nnx.Embed(classes, width, embedding_init=small, rngs=rngs) if classes else None
        self.vector_in = dense(state, width, rngs=rngs)
        self.vector_out = dense(width, width, rngs=rngs)
        self.ends = nnx.List([ends(halvings) for halvings in range(coarser + 1)])
        self.blocks = nnx.vmap(block)(rngs.split(depth))
        self.depth = depth
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
            halvings: which grid; static.
            dropout_key: key of the dropout masks; None drops nothing.

        Returns:
            What is predicted, [b, H, W, C].
        """
        state = self.embed_state(tokens).astype(image.dtype)
        vector = self.vector_out(nnx.silu(self.vector_in(state.mean(axis=1))))
        if self.embed_label is not None:
            assert labels is not None, "this network is conditioned on class labels"
            vector = vector + self.embed_label(labels)
        ends: Ends = self.ends[halvings]
        x = ends.enter(image, state, spacing=2**halvings)
        vector = nnx.silu(vector).astype(x.dtype)
        return ends.leave(self._transformed(x, vector, dropout_key), vector)

    def _transformed(self, x: Array, vector: Array, dropout_key: Array | None) -> Array:
        """All blocks, one after the other."""
        graph, layers = nnx.split(self.blocks)
        keys = None if dropout_key is None else jax.random.split(dropout_key, self.depth)
        batch, height, width, features = x.shape

        def step(x: Array, layer: tuple[Any, Array | None]) -> tuple[Array, None]:
            parameters, key = layer
            return nnx.merge(graph, parameters)(x, vector, key), None

        if self.remat:  # a loop keeps XLA from sharing what the two passes have in common
            step = jax.checkpoint(step, prevent_cse=False)
        x, _ = jax.lax.scan(step, x.reshape(batch, height * width, features), (layers, keys))
        return x.reshape(batch, height, width, features)


class Block(nnx.Module):
    """Patches attend to each other, then an MLP acts on each; both branches are scaled, shifted and gated (adaLN-zero).

    The gates start at zero: at first, a block is the identity.

    Args:
        width: features per patch, and width of the condition vector.
        heads: attention heads.
        hidden: hidden features of the MLP.
        dropout: rate before the MLP's second layer.
        rngs: keys of the initial parameters.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, *, rngs: nnx.Rngs):
        self.heads = heads
        self.norm = plain_norm(width)
        self.modulate = dense(width, 6 * width, zero=True, rngs=rngs)
        self.query_key_value = dense(width, 3 * width, rngs=rngs)
        self.attention_out = dense(width, width, rngs=rngs)
        self.mlp_in = dense(width, hidden, rngs=rngs)
        self.mlp_out = dense(hidden, width, rngs=rngs)
        self.dropout = nnx.Dropout(dropout)

    def __call__(self, x: Array, condition: Array, dropout_key: Array | None) -> Array:
        """X [b, n, width] and condition [b or 1, width] to [b, n, width]."""
        shift, scale, gate, mlp_shift, mlp_scale, mlp_gate = jnp.split(self.modulate(condition)[:, None], 6, axis=-1)
        x = x + gate * self._attention(self.norm(x) * (1 + scale) + shift)
        return x + mlp_gate * self._mlp(self.norm(x) * (1 + mlp_scale) + mlp_shift, dropout_key)

    def _attention(self, x: Array) -> Array:
        heads = (*x.shape[:2], self.heads, x.shape[2] // self.heads)
        query, key, value = (part.reshape(heads) for part in jnp.split(self.query_key_value(x), 3, axis=-1))
        return self.attention_out(attend(query, key, value).reshape(x.shape))

    def _mlp(self, x: Array, dropout_key: Array | None) -> Array:
        hidden = self.dropout(nnx.gelu(self.mlp_in(x)), deterministic=dropout_key is None, rngs=dropout_key)
        return self.mlp_out(hidden)


class Ends(nnx.Module):
    """How images of one grid become features of patches, and how these become an image.

    Args:
        patch: side of the patches.
        colors: channels of the image.
        maps: channels that it has beside them where it enters.
        width: features per patch.
        attention: from patches to noising-state tokens; None where there is a single one.
        rngs: keys of the initial parameters.
    """

    def __init__(
        self, patch: int, colors: int, maps: int, width: int, attention: CrossAttention | None, *, rngs: nnx.Rngs
    ):
        self.patch = patch
        self.stem = dense(patch**2 * (colors + maps), width, rngs=rngs)
        self.attention = attention
        self.norm = plain_norm(width)
        self.modulate = dense(width, 2 * width, zero=True, rngs=rngs)
        self.head = dense(width, patch**2 * colors, zero=True, rngs=rngs)

    def enter(self, image: Array, state: Array, spacing: int) -> Array:
        """Image [b, H, W, C + maps] and embedded tokens [b or 1, T, state] to features [b, H/patch, W/patch, width]."""
        x = self.stem(patches(image, self.patch))
        _, rows, columns, features = x.shape
        x = x + jnp.asarray(positions(rows, columns, features, spacing), x.dtype)
        return x if self.attention is None else self.attention(x, state)

    def leave(self, x: Array, condition: Array) -> Array:
        """Features and condition [b or 1, width] to an image."""
        shift, scale = jnp.split(self.modulate(condition)[:, None, None], 2, axis=-1)
        return assembled(self.head(self.norm(x) * (1 + scale) + shift), self.patch)


def dense(inputs: int, outputs: int, *, zero: bool = False, rngs: nnx.Rngs) -> nnx.Linear:
    """A linear layer; `zero` starts it at zero."""
    kernel = nnx.initializers.zeros if zero else nnx.initializers.xavier_uniform()
    return nnx.Linear(inputs, outputs, kernel_init=kernel, rngs=rngs)


def plain_norm(width: int) -> nnx.LayerNorm:
    """Layer normalization without parameters: scale and shift come from the condition."""
    return nnx.LayerNorm(width, epsilon=1e-6, use_bias=False, use_scale=False, rngs=nnx.Rngs(0))


def patches(image: Array, side: int) -> Array:
    """The image [b, H, W, C] as patches, [b, H/side, W/side, side² C]."""
    batch, height, width, colors = image.shape
    cut = image.reshape(batch, height // side, side, width // side, side, colors)
    return cut.swapaxes(2, 3).reshape(batch, height // side, width // side, side**2 * colors)


def assembled(pieces: Array, side: int) -> Array:
    """The image of patches: the inverse of `patches`."""
    batch, rows, columns, size = pieces.shape
    cut = pieces.reshape(batch, rows, columns, side, side, size // side**2).swapaxes(2, 3)
    return cut.reshape(batch, rows * side, columns * side, size // side**2)


def positions(rows: int, columns: int, features: int, spacing: int = 1) -> np.ndarray:
    """Fixed embedding of where a patch is: sines and cosines of its row, then of its column (arXiv:2212.09748, §3.2).

    With F features, [sin ω_k y, cos ω_k y, sin ω_k x, cos ω_k x] at ω_k = 10000^(−4k/F), k = 0 … F/4 − 1: those of
    arXiv:1706.03762, §3.5, along each axis. y and x are those of the patch's centre, in patches of the finest grid.

    Args:
        rows: patches from top to bottom.
        columns: patches from left to right.
        features: F, a multiple of 4.
        spacing: distance of two patches, in patches of the finest grid.

    Returns:
        [rows, columns, features]
    """
    frequencies = 10_000.0 ** (-np.arange(features // 4) / (features // 4))

    def waves(count: int) -> np.ndarray:
        angles = np.outer((np.arange(count) + 0.5) * spacing - 0.5, frequencies)
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1)

    shape = (rows, columns, features // 2)
    along, across = np.broadcast_to(waves(rows)[:, None], shape), np.broadcast_to(waves(columns), shape)
    return np.concatenate([along, across], axis=2)
