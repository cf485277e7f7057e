"""The noising state as seen by a network (GUD, App. A)."""

from flax import nnx
from jax import Array

__all__ = ["StateEmbedding"]


class Mixer(nnx.Module):
    """One MLP-Mixer layer (arXiv:2105.01601): an MLP over the tokens, then an MLP over the features."""

    def __init__(self, tokens: int, width: int, *, rngs: nnx.Rngs):
        hidden = min(tokens, 256)
        self.token_norm = nnx.LayerNorm(width, rngs=rngs)
        self.token_in = nnx.Linear(tokens, hidden, rngs=rngs)
        self.token_out = nnx.Linear(hidden, tokens, rngs=rngs)
        self.feature_norm = nnx.LayerNorm(width, rngs=rngs)
        self.feature_in = nnx.Linear(width, 2 * width, rngs=rngs)
        self.feature_out = nnx.Linear(2 * width, width, rngs=rngs)

    def __call__(self, x: Array) -> Array:
        """[b, T, width] to [b, T, width]."""
        across = self.token_norm(x).swapaxes(1, 2)
        x = x + self.token_out(nnx.gelu(self.token_in(across))).swapaxes(1, 2)
        return x + self.feature_out(nnx.gelu(self.feature_in(self.feature_norm(x))))


class StateEmbedding(nnx.Module):
    """Tokens (γ, position label) become features through a dense layer and MLP-Mixer layers.

    Where there are many tokens, one more dense layer reduces them before they are mixed: the γ of thousands of
    components depend on few parameters, and layers over all of them would cost more than the rest of a small network.

    Args:
        tokens: T, number of tokens.
        most: how many of them are mixed at most; the attribute `tokens` says how many there are then.
        width: features per token.
        layers: number of mixer layers.
        rngs: keys of the initial parameters.
    """

    def __init__(self, tokens: int, most: int, width: int, layers: int, *, rngs: nnx.Rngs):
        self.tokens = min(tokens, most)
        self.lift = nnx.Linear(2, width, rngs=rngs)
        self.reduce = nnx.Linear(tokens, self.tokens, rngs=rngs) if tokens > self.tokens else None
        self.mixers = nnx.List([Mixer(self.tokens, width, rngs=rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        """(γ, label) per token [b, T, 2] to features [b, min(T, most), width]."""
        x = nnx.gelu(self.lift(tokens))
        if self.reduce is not None:
            x = self.reduce(x.swapaxes(1, 2)).swapaxes(1, 2)
        for mixer in self.mixers:
            x = mixer(x)
        embedded: Array = self.norm(x)
        return embedded
