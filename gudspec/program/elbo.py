"""The evidence lower bound of Gaussian encoders and decoders (arXiv:1312.6114, eq. 3), and what latents leave of it.

−log p(x) ≤ E_q[−log p(x|z)] + KL(q(z|x) ‖ p(z)) = E_q[−log p(z) − log p(x|z) + log q(z|x)]: the first form, with the
prior N(0, 1), trains the autoencoder; the second one takes whatever density of the latents a diffusion model has
learned (LSGM, arXiv:2106.05931, eq. 2).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array

__all__ = ["Code", "Decode", "divergence", "log_normal", "negative_elbo", "remainder"]

Decode = Callable[[Array], tuple[Array, Array]]
"""Latents → mean [b, H, W, C] and log standard deviation (broadcast to it) of p(x|z)."""


class Code(NamedTuple):
    """The Gaussian q(z|x) of every image of a batch, with independent latents."""

    mean: Array
    """[b, h, w, c]."""
    log_variance: Array
    """[b, h, w, c]."""

    def sample(self, key: Array) -> Array:
        """Latents z ~ q(z|x), [b, h, w, c], differentiable in the code."""
        return self.mean + jnp.exp(0.5 * self.log_variance) * jax.random.normal(key, self.mean.shape)

    def log_density(self, latents: Array) -> Array:
        """Log q(z|x) in nats, [b]."""
        return log_normal(latents, self.mean, 0.5 * self.log_variance)


def log_normal(x: Array, mean: Array, log_deviation: Array) -> Array:
    """Log N(x; mean, exp(log_deviation)²) in nats, [b], of x [b, …]."""
    deviation = jnp.broadcast_to(log_deviation, x.shape)
    density = -0.5 * (((x - mean) * jnp.exp(-deviation)) ** 2 + math.log(2 * math.pi)) - deviation
    return density.reshape(len(x), -1).sum(axis=1)


def divergence(code: Code) -> Array:
    """KL(q(z|x) ‖ N(0, 1)) = ½ Σ (μ² + σ² − 1 − log σ²) in nats, [b]."""
    each = code.mean**2 + jnp.exp(code.log_variance) - 1 - code.log_variance
    return 0.5 * each.reshape(len(each), -1).sum(axis=1)


def negative_elbo(x: Array, code: Code, latents: Array, decode: Decode, weight: float = 1.0) -> Array:
    """−log p(x|z) + weight · KL(q(z|x) ‖ N(0, 1)) in nats, [b]: above −log p(x), on average over z, for weight 1.

    Args:
        x: (dequantized) images, [b, H, W, C].
        code: q(z|x).
        latents: z ~ q(z|x).
        decode: the decoder.
        weight: of the divergence.
    """
    return -log_normal(x, *decode(latents)) + weight * divergence(code)


def remainder(x: Array, code: Code, latents: Array, decode: Decode) -> Array:
    """−log p(x|z) + log q(z|x) in nats, [b]: with −log p(z) it is above −log p(x), on average over z ~ q(z|x)."""
    return -log_normal(x, *decode(latents)) + code.log_density(latents)
