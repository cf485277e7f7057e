"""The mathematics of a learned stage: images that turn into decoded latents, and latents that take their place.

f-DM (arXiv:2210.04955), §3: with an encoder f and a decoder g, and τ the turning point,

    z(t) = α x_t + σ ε,   x_t = x − (t/τ) r,   r = x − g(f(x))        for t ≤ τ, in images
    z(t) = α f(x) + σ ε                                               for t ≥ τ, in latents

with one γ(t) for both. Latents have a unit of their own: it is chosen so that the SNR, summed over the components, is
the same on both sides of τ. With pooling, whose decoder repeats pixels, that is the paper's rule for noise levels: the
SNR of a pooled pixel is that of a pixel times D(images)/D(latents).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.measures import PathMeasure
from gudspec.process.noising import alpha, sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition, Denoise
from gudspec.program.design import Design, Statistics
from gudspec.program.objective import WEIGHTS
from gudspec.program.steps import Denoiser, Method, Move
from gudspec.program.train import Parameters as Weights

__all__ = ["Frozen", "between", "latent_process", "moving_loss", "moving_step", "turn"]


class Frozen(NamedTuple):
    """A trained autoencoder, and what its latents are: an argument of every program, never trained."""

    weights: Weights
    """Its parameters."""
    mean: Array
    """What it subtracts from images, [H, W, C]."""
    code_mean: Array
    """Mean of the latents f(x), [h, w, c]."""
    code_variance: Array
    """Variances of the latents, [h, w, c]."""
    gain: Array
    """√(Σ Var g(f(x)) / Σ Var f(x)), the unit in which latents are as large as the images that they are decoded to."""
    residual: Array
    """Root mean square of x − g(f(x)), in units of the image."""


def latent_process(design: Design, statistics: Statistics, frozen: Frozen) -> Process:
    """The process in latents: that of images, with the noise in the unit of the latents.

    Noise of standard deviation S in images has S/gain in latents, so that Σ Var f(x)/(S/gain)² = Σ Var g(f(x))/S².

    Args:
        design: that of the latents' shape, of one γ(t) and an isotropic prior.
        statistics: of the images, whose extremes decide about open ends of γ.
        frozen: the autoencoder.
    """
    of_latents = Statistics(frozen.code_mean, statistics.axes, frozen.code_variance, statistics.extremes)
    process = design.process(of_latents)
    return replace(process, scale=process.scale / frozen.gain, variance=process.variance * frozen.gain**2)


def between(chi: Array, decoded: Array, share: Array | float) -> Array:
    """x_t in a straight line from an image to its decoded latents; share = t/τ, [b, 1, 1, 1] or a number."""
    return chi + share * (decoded - chi)


def moving_loss(
    denoise: Denoise,
    process: Process,
    measure: PathMeasure,
    weight: str,
    unit: Array,
    key: Array,
    pair: tuple[Array, Array],
    condition: Condition,
    rows: Callable[[Array], Array] = lambda array: array,
) -> Array:
    """Loss of the stage in which images move: mean of λ_i/σ_i² (ε̂_i − ε_i)² + (r̂_i − r_i)²/unit².

    Args:
        denoise: (χ, γ, condition) → ε̂ and r̂ one after the other, [b, H, W, 2C].
        process: of images.
        measure: draws the times, from 0 to the turning point; its path is that of the process.
        weight: key of `WEIGHTS`, for the noise.
        unit: root mean square of r, in which its error is weighed.
        key: key of times and noise.
        pair: components of images and of what their latents are decoded to, each [b, H, W, C].
        condition: what the denoiser knows beside them.
        rows: takes the examples that count, after times and noise are drawn for all.
    """
    key_times, key_noise = jax.random.split(key)
    key_times, key_parameters = jax.random.split(key_times)
    parameters, t = measure.parameters(key_parameters), rows(measure.times(key_times, len(pair[0])))
    epsilon = rows(jax.random.normal(key_noise, pair[0].shape))
    chi, decoded = map(rows, pair)
    gamma, gamma_dot = process.gamma(t, parameters), process.gamma_dot(t, parameters)
    moved = between(chi, decoded, (t / measure.stop)[:, None, None, None])
    noisy = alpha(gamma) * moved + sigma(gamma) * epsilon
    noise, residual = jnp.split(denoise(noisy, gamma, jax.tree.map(rows, condition)), 2, axis=-1)
    error = WEIGHTS[weight](gamma, gamma_dot) * (noise - epsilon) ** 2
    return jnp.mean(error + ((residual - (chi - decoded)) / unit) ** 2)


def turn(
    denoise: Denoiser,
    latents: Process,
    images: Process,
    decode: Callable[[Array], Array],
    chi: Array,
    turning: float,
    key: Array,
    parameters: Parameters,
) -> tuple[Array, Array]:
    """From noisy latents to the noisy image at the turning point: ẑ = (χ − σε̂)/α is decoded, and gets new noise.

    Args:
        denoise: that of latents.
        latents: the process of latents.
        images: the process of images.
        decode: latents [b, h, w, c] → images [b, H, W, C].
        chi: components of latents at the turning point, [b, h, w, c].
        turning: that time.
        key: key of the new noise.
        parameters: parameters of the path.

    Returns:
        Components of images at the turning point [b, H, W, C], and the latents ẑ in units of the autoencoder.
    """
    at = jnp.full(1, turning)
    gamma = latents.gamma(at, parameters)
    codes = latents.to_images((chi - sigma(gamma) * denoise(chi, gamma)) / alpha(gamma))
    decoded = images.to_components(decode(codes))
    gamma = images.gamma(at, parameters)
    return alpha(gamma) * decoded + sigma(gamma) * jax.random.normal(key, decoded.shape), codes


def moving_step(method: Method, turning: float) -> Method:
    """The step of a sampler, and what the image moves meanwhile (f-DM, §3, sampling).

    q(z_s | z_t, x) is that of a fixed image with noise z − α x_t in the place of z − α x, so that to the step of
    ancestral sampling or DDIM, which would end around α_s x_t, only α_s (x_s − x_t) = α_s ((t − s)/τ) r is added. An
    image moves where γ rests, too.

    Args:
        method: `ancestral_step` or `ddim_step`.
        turning: the turning point τ.

    Returns:
        A method whose denoiser gives ε̂ and r̂ one after the other, [b, H, W, 2C].
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, fresh: Array) -> tuple[Array, Array]:
        noise, residual = jnp.split(denoise(chi, move.gamma_t), 2, axis=-1)
        chi, memory = method.step(lambda *_: noise, chi, memory, move, fresh)
        return chi + alpha(move.gamma_s) * move.length / turning * residual, memory

    return Method(step, method.draws, method.memory, rests=False)
