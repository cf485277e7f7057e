"""Likelihood by the probability-flow ODE (GUD, eq. 25 and App. B)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.solver import solve
from gudspec.program.stretches import Stretch, deviation
from gudspec.spec.models.results import Likelihood

if TYPE_CHECKING:
    import diffrax

__all__ = ["LogLikelihood", "bits_per_dim", "log_likelihood"]


class LogLikelihood(NamedTuple):
    """Result of a solve."""

    nats: Array
    """log p(χ(0)), [b]; NaN where the solver gave up."""
    evaluations: Array
    """Evaluations of the vector field."""


def log_likelihood(
    stretches: Sequence[Stretch],
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    spec: Likelihood,
) -> LogLikelihood:
    """Log p(χ(0)) = log N(χ(1); 0, 1) + ∫ Σ_i ∂(dχ_i/dt)/∂χ_i dt along dχ_i/dt = ½ σ_i γ̇_i (ε̂_i − σ_i χ_i).

    Where components begin to rest they are divided by V^½, whose volume counts too.

    Args:
        stretches: process and denoiser from t = 0 to 1.
        chi: components of (dequantized) data, [b, H, W, C].
        key: key of the probes.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        spec: divergence, probes and tolerances.

    Returns:
        Log-likelihood of the components; `bits_per_dim` makes it one of images.
    """
    from diffrax import RESULTS  # as in `solve`, only where something is solved

    dimensions = chi[0].size
    volume, evaluations, solved = jnp.zeros(len(chi), chi.dtype), jnp.int32(0), jnp.bool_(True)
    for index, stretch in enumerate(stretches):
        if index:
            spread = deviation(stretches[index - 1].process, stretch.segment, parameters)
            chi, volume = chi / spread, volume - jnp.log(spread).sum()
        own = jax.random.fold_in(key, index) if index else key
        (chi, integral), solution = _through(stretch, chi, own, parameters, condition, spec)
        volume = volume + dimensions * integral
        evaluations = evaluations + 6 * solution.stats["num_steps"]
        solved &= solution.result == RESULTS.successful
    normal = -0.5 * jnp.sum(chi**2 + math.log(2 * math.pi), axis=(1, 2, 3))
    return LogLikelihood(jnp.where(solved, normal + volume, jnp.nan), evaluations)


def _through(
    stretch: Stretch, chi: Array, key: Array, parameters: Parameters, condition: Condition, spec: Likelihood
) -> tuple[tuple[Array, Array], diffrax.Solution]:
    """χ at the end of a stretch, and the integral of the divergence per dimension, [b]."""
    process, denoise, dimensions = stretch.process, stretch.denoise, chi[0].size

    def unit(index: Array) -> Array:
        """A unit vector for every image: made when it is needed, since all of them are a matrix for each image."""
        one = jax.nn.one_hot(index, dimensions, dtype=chi.dtype).reshape(1, *chi.shape[1:])
        return jnp.broadcast_to(one, chi.shape)

    exact = spec.divergence == "exact"
    if exact:
        probes = jnp.arange(dimensions)
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
        def product(given: Array) -> Array:
            v = unit(given) if exact else given
            return jnp.sum(v * rate * derivative(v), axis=(1, 2, 3))

        trace = jax.lax.map(product, probes).sum(0)
        trace = trace - jnp.sum(jnp.broadcast_to(rate * s, chi[:1].shape))
        return rate * (epsilon - s * chi), trace / dimensions

    # the integral is kept per dimension, so that its error is measured on the scale of the other components
    state = (chi, jnp.zeros(len(chi), chi.dtype))
    breakpoints = process.path.breakpoints(parameters)
    ends = stretch.segment.start, stretch.segment.stop
    result: tuple[tuple[Array, Array], diffrax.Solution] = solve(field, state, *ends, breakpoints, spec.rtol, spec.atol)
    return result


def bits_per_dim(nats: Array, process: Process, offset: float) -> Array:
    """Bits/dim of images from −log p of components: −[log p(χ) − Σ log S]/(d ln 2) + offset.

    Args:
        nats: log p(χ), or a lower bound of it, [b].
        process: its scale S has a volume, Σ log S.
        offset: log2(levels/2) for quantized images in [−1, 1], else 0.
    """
    dimensions = process.scale.size
    return -(nats - jnp.sum(jnp.log(process.scale))) / (dimensions * math.log(2)) + offset
