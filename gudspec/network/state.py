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

    Args:
        tokens: T, number of tokens.
        width: features per token.
        layers: number of mixer layers.
        rngs: keys of the initial parameters.
    """

    def __init__(self, tokens: int, width: int, layers: int, *, rngs: nnx.Rngs):
        self.lift = nnx.Linear(2, width, rngs=rngs)
        self.mixers = nnx.List([Mixer(tokens, width, rngs=rngs) for _ in range(layers)])
        self.norm = nnx.LayerNorm(width, rngs=rngs)

    def __call__(self, tokens: Array) -> Array:
        """(γ, label) per token [b, T, 2] to features [b, T, width]."""
        x = nnx.gelu(self.lift(tokens))
        for mixer in self.mixers:
            x = mixer(x)
        embedded: Array = self.norm(x)
        return embedded
