"""Likelihood by the probability-flow ODE (GUD, eq. 25 and App. B)."""

import math
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition, Denoise
from gudspec.program.solver import solve
from gudspec.spec.models.results import Likelihood

__all__ = ["LogLikelihood", "bits_per_dim", "log_likelihood"]


class LogLikelihood(NamedTuple):
    """Result of a solve."""

    nats: Array
    """log p(χ(0)), [b]; NaN where the solver gave up."""
    evaluations: Array
    """Evaluations of the vector field."""


def log_likelihood(
    denoise: Denoise,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    spec: Likelihood,
) -> LogLikelihood:
    """Log p(χ(0)) = log N(χ(1); 0, 1) + ∫ Σ_i ∂(dχ_i/dt)/∂χ_i dt along dχ_i/dt = ½ σ_i γ̇_i (ε̂_i − σ_i χ_i).

    Args:
        denoise: the denoiser.
        process: the process.
        chi: components of (dequantized) data, [b, H, W, C].
        key: key of the probes.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        spec: divergence, probes and tolerances.

    Returns:
        Log-likelihood of the components; `bits_per_dim` makes it one of images.
    """
    dimensions = chi[0].size
    if spec.divergence == "exact":
        probes = jnp.eye(dimensions, dtype=chi.dtype).reshape(dimensions, 1, *chi.shape[1:])
        probes = jnp.broadcast_to(probes, (dimensions, *chi.shape))
    else:
        probes = jax.random.rademacher(key, (spec.probes, *chi.shape), chi.dtype) / math.sqrt(spec.probes)

    def field(t: Array, state: tuple[Array, Array], _: None) -> tuple[Array, Array]:
        chi, _ = state
        gamma, gamma_dot = process.gamma(t[None], parameters), process.gamma_dot(t[None], parameters)
        s = sigma(gamma)
        epsilon, derivative = jax.linearize(lambda chi: denoise(chi, gamma, condition), chi)
        rate = 0.5 * s * gamma_dot
        # trace of rate·∂ε̂/∂χ from the probes; that of −σχ is known
        # one probe after the other: together with the images they would be one axis, which devices could not share
        trace = jax.lax.map(lambda v: jnp.sum(v * rate * derivative(v), axis=(1, 2, 3)), probes).sum(0)
        trace = trace - jnp.sum(jnp.broadcast_to(rate * s, chi[:1].shape))
        return rate * (epsilon - s * chi), trace / dimensions

    # the integral is kept per dimension, so that its error is measured on the scale of the other components
    state = (chi, jnp.zeros(len(chi), chi.dtype))
    breakpoints = process.path.breakpoints(parameters)
    (latent, integral), solution = solve(field, state, 0.0, 1.0, breakpoints, spec.rtol, spec.atol)
    normal = -0.5 * jnp.sum(latent**2 + math.log(2 * math.pi), axis=(1, 2, 3))
    nats = jnp.where(solution.result == diffrax.RESULTS.successful, normal + dimensions * integral, jnp.nan)
    return LogLikelihood(nats, 6 * solution.stats["num_steps"])


def bits_per_dim(nats: Array, process: Process, offset: float) -> Array:
    """Bits/dim of images from −log p of components: −[log p(χ) − Σ log S]/(d ln 2) + offset.

    Args:
        nats: log p(χ), or a lower bound of it, [b].
        process: its scale S has a volume, Σ log S.
        offset: log2(levels/2) for quantized images in [−1, 1], else 0.
    """
    dimensions = process.scale.size
    return -(nats - jnp.sum(jnp.log(process.scale))) / (dimensions * math.log(2)) + offset
