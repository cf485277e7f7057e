"""The variational bound along a path."""

import math

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import alpha, sigma
from gudspec.process.paths import Path
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition, Denoise
from gudspec.program.objective import denoising_error

__all__ = ["variational_bound"]


def variational_bound(
    denoise: Denoise,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    times: int,
) -> Array:
    """A lower bound of log p(χ(0)), in nats (Variational Diffusion Models, arXiv:2107.00630, per component).

    −log p ≤ E[−log p(χ(0)|χ_0)] + KL(q(χ(1)|χ(0)) ‖ N(0, 1)) + ½ E ∫ Σ_i γ̇_i (ε̂_i − ε_i)² dt, with the Gaussian decoder
    N(χ_0/α, σ²/α²) at t = 0, whose expectation is ½ Σ_i (log 2π + γ_i(0) + 1).

    Args:
        denoise: the denoiser.
        process: the process.
        chi: components of (dequantized) data, [b, H, W, C].
        key: key of times and noise.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        times: stratified times per image, uniform in the mean of γ over groups: with equal γ_i the estimate is then the
            same for every parametrization of time, and its variance does not grow where γ is steep.

    Returns:
        The bound per image, [b].
    """
    key_time, key_noise = jax.random.split(key)
    # spread evenly over the batch as well: the mean over images has less variance than its parts
    offsets = (jax.random.uniform(key_time) + jnp.arange(len(chi)) / len(chi)) % 1
    length = jnp.mean(process.path.gamma(jnp.ones(1), parameters) - process.path.gamma(jnp.zeros(1), parameters))

    def diffusion(index: Array) -> Array:
        t = _when((index + offsets) / times, process.path, parameters)
        gamma, gamma_dot = process.gamma(t, parameters), process.gamma_dot(t, parameters)
        speed = process.path.gamma_dot(t, parameters).mean(axis=1)
        epsilon = jax.random.normal(jax.random.fold_in(key_noise, index), chi.shape)
        error = denoising_error(denoise, gamma, chi, epsilon, condition)
        # where the path is frozen nothing is lost; bisection may still end there by a rounding error
        stretch = jnp.where(speed > 0, length / jnp.where(speed > 0, speed, 1.0), 0.0)
        return 0.5 * stretch * jnp.sum(gamma_dot * error, axis=(1, 2, 3))

    middle = jax.lax.map(diffusion, jnp.arange(times)).mean(axis=0)
    first, last = process.gamma(jnp.zeros(1), parameters), process.gamma(jnp.ones(1), parameters)
    decoder = 0.5 * jnp.sum(jnp.broadcast_to(math.log(2 * math.pi) + first + 1, chi[:1].shape))
    # KL(N(αχ, σ²) ‖ N(0, 1)) = ½ Σ (α²χ² − α² − log σ²)
    prior = 0.5 * jnp.sum(alpha(last) ** 2 * (chi**2 - 1) - 2 * jnp.log(sigma(last)), axis=(1, 2, 3))
    return -(decoder + prior + middle)


def _when(progress: Array, path: Path, parameters: Parameters) -> Array:
    """The times t [b] at which the mean of γ over groups has gone a share `progress` [b] of its way, by bisection."""
    first = path.gamma(jnp.zeros(1), parameters).mean()
    last = path.gamma(jnp.ones(1), parameters).mean()

    def halve(_: int, interval: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = interval
        middle = 0.5 * (low + high)
        early = path.gamma(middle, parameters).mean(axis=1) < first + progress * (last - first)
        return jnp.where(early, middle, low), jnp.where(early, high, middle)

    low, high = jax.lax.fori_loop(0, 32, halve, (jnp.zeros_like(progress), jnp.ones_like(progress)))
    return 0.5 * (low + high)
