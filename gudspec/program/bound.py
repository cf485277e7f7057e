"""The variational bound along a path."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import alpha, sigma
from gudspec.process.paths import Path
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.objective import denoising_error
from gudspec.program.segments import resting
from gudspec.program.stretches import Stretch, deviation

__all__ = ["decoder", "divergence", "variational_bound"]


def variational_bound(
    stretches: Sequence[Stretch],
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    times: int,
) -> Array:
    """A lower bound of log p(χ(0)), in nats (Variational Diffusion Models, arXiv:2107.00630, per component).

    −log p ≤ E[−log p(χ(0)|χ_0)] + KL(q(χ(1)|χ(0)) ‖ N(0, 1)) + ½ E ∫ Σ_i γ̇_i (ε̂_i − ε_i)² dt, with the Gaussian decoder
    N(χ_0/α, σ²/α²) at t = 0, whose expectation is ½ Σ_i (log 2π + γ_i(0) + 1). Components that begin to rest leave the
    integral and pay KL(q(χ_i(t)|χ_i) ‖ N(0, V_i)), V = α²Σ + σ², the density from which they are drawn on the way back.

    Args:
        stretches: process and denoiser from t = 0 to 1.
        chi: components of (dequantized) data, [b, H, W, C].
        key: key of times and noise.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        times: stratified times per image, uniform in the mean of γ over groups: with equal γ_i the estimate is then the
            same for every parametrization of time, and its variance does not grow where γ is steep. Several stretches
            share them evenly.

    Returns:
        The bound per image, [b].
    """
    total = decoder(stretches[0].process, parameters)
    for index, stretch in enumerate(stretches):
        if index:
            finer = stretches[index - 1].process
            gamma = finer.gamma(jnp.full(1, stretch.segment.start), parameters)
            told = divergence(gamma, chi, deviation(finer, stretch.segment, parameters) ** 2)
            # what has rested before has no more to tell
            rests = resting(chi.shape[1:], stretch.segment.halvings)
            total = total + jnp.sum(jnp.where(rests, told, 0.0), axis=(1, 2, 3))
        own = jax.random.fold_in(key, index) if index else key
        total = total + _diffusion(stretch, chi, own, parameters, condition, -(-times // len(stretches)))
    last = stretches[-1].process.gamma(jnp.ones(1), parameters)
    return -(total + jnp.sum(divergence(last, chi, 1.0), axis=(1, 2, 3)))


def decoder(process: Process, parameters: Parameters) -> Array:
    """E[−log N(χ; χ_0/α, σ²/α²)] = ½ Σ_i (log 2π + γ_i(0) + 1), in nats: a scalar."""
    first = process.gamma(jnp.zeros(1), parameters)[0]
    return 0.5 * jnp.sum(jnp.broadcast_to(math.log(2 * math.pi) + first + 1, process.scale.shape))


def divergence(gamma: Array, chi: Array, variance: Array | float) -> Array:
    """KL(N(αχ, σ²) ‖ N(0, V)) = ½ ((α²χ² + σ²)/V − 1 − log(σ²/V)) per component, [b, H, W, C]."""
    a2, s2 = alpha(gamma) ** 2, sigma(gamma) ** 2
    return 0.5 * ((a2 * chi**2 + s2) / variance - 1 - jnp.log(s2 / variance))


def _diffusion(
    stretch: Stretch, chi: Array, key: Array, parameters: Parameters, condition: Condition, times: int
) -> Array:
    """½ E ∫ Σ_i γ̇_i (ε̂_i − ε_i)² dt over a stretch, [b]."""
    process, (start, stop, _) = stretch.process, stretch.segment
    key_time, key_noise = jax.random.split(key)
    # spread evenly over the batch as well: the mean over images has less variance than its parts
    offsets = (jax.random.uniform(key_time) + jnp.arange(len(chi)) / len(chi)) % 1
    ends = jnp.array([start, stop])
    gamma_start, gamma_stop = process.path.gamma(ends, parameters).mean(axis=1)
    length = gamma_stop - gamma_start

    def diffusion(index: Array) -> Array:
        t = _when((index + offsets) / times, process.path, parameters, ends)
        gamma, gamma_dot = process.gamma(t, parameters), process.gamma_dot(t, parameters)
        speed = process.path.gamma_dot(t, parameters).mean(axis=1)
        epsilon = jax.random.normal(jax.random.fold_in(key_noise, index), chi.shape)
        error = denoising_error(stretch.denoise, gamma, chi, epsilon, condition)
        # where the path is frozen nothing is lost; bisection may still end there by a rounding error
        duration = jnp.where(speed > 0, length / jnp.where(speed > 0, speed, 1.0), 0.0)
        return 0.5 * duration * jnp.sum(gamma_dot * error, axis=(1, 2, 3))

    return jax.lax.map(diffusion, jnp.arange(times)).mean(axis=0)


def _when(progress: Array, path: Path, parameters: Parameters, ends: Array) -> Array:
    """The times t [b] at which the mean of γ over groups has gone a share `progress` [b] of its way, by bisection."""
    first, last = path.gamma(ends, parameters).mean(axis=1)

    def halve(_: int, interval: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = interval
        middle = 0.5 * (low + high)
        early = path.gamma(middle, parameters).mean(axis=1) < first + progress * (last - first)
        return jnp.where(early, middle, low), jnp.where(early, high, middle)

    low, high = jax.lax.fori_loop(0, 32, halve, (jnp.full_like(progress, ends[0]), jnp.full_like(progress, ends[1])))
    return 0.5 * (low + high)
