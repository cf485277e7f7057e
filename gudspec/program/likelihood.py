"""Likelihood by the probability-flow ODE (GUD, eq. 25 and App. B)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import alpha, sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.solver import NODES, Solution, solve
from gudspec.program.stretches import Stretch, deviation
from gudspec.spec.models.results import Likelihood

__all__ = ["LogLikelihood", "bits_per_dim", "log_likelihood"]


class LogLikelihood(NamedTuple):
    """Result of a solve."""

    nats: Array
    """log p(χ(0)), [b]; NaN where the solver gave up."""
    evaluations: Array
    """How often the denoiser was asked; with derivatives, where the divergence was."""


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
    volume, evaluations, solved = jnp.zeros(len(chi), chi.dtype), jnp.int32(0), jnp.bool_(True)
    for index, stretch in enumerate(stretches):
        if index:
            spread = deviation(stretches[index - 1].process, stretch.segment, parameters)
            chi, volume = chi / spread, volume - jnp.log(spread).sum()
        own = jax.random.fold_in(key, index) if index else key
        solution = _through(stretch, chi, own, parameters, condition, spec)
        chi, volume = solution.state, volume + solution.integral + _gaussian_volume(stretch, parameters)
        evaluations = evaluations + 6 * solution.steps + len(NODES) * solution.accepted
        solved &= solution.solved
    normal = -0.5 * jnp.sum(chi**2 + math.log(2 * math.pi), axis=(1, 2, 3))
    return LogLikelihood(jnp.where(solved, normal + volume, jnp.nan), evaluations)


def _through(
    stretch: Stretch, chi: Array, key: Array, parameters: Parameters, condition: Condition, spec: Likelihood
) -> Solution:
    """χ at the end of a stretch, and the integral of the divergence without that of `_gaussian_volume`, [b].

    That volume, per dimension, is solved for as well, though it is known: an image that hardly moves would say nothing
    of the steps that its divergence needs.

    Every evaluation of the divergence has probes of its own: their errors are independent and average out along the
    way, where those of probes that are kept, as in FFJORD (arXiv:1810.01367, §3.1), would add up.
    """
    process, denoise, dimensions = stretch.process, stretch.denoise, chi[0].size

    def unit(index: Array) -> Array:
        """A unit vector for every image: made when it is needed, since all of them are a matrix for each image."""
        one = jax.nn.one_hot(index, dimensions, dtype=chi.dtype).reshape(1, *chi.shape[1:])
        return jnp.broadcast_to(one, chi.shape)

    def rates(t: Array) -> tuple[Array, Array, Array]:
        """γ, σ and ½σγ̇."""
        gamma, gamma_dot = process.gamma(t[None], parameters), process.gamma_dot(t[None], parameters)
        return gamma, sigma(gamma), 0.5 * sigma(gamma) * gamma_dot

    def field(t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        (chi, _), (gamma, s, rate) = state, rates(t)
        gaussian = rate * s * (1 / _total(process, gamma) - 1)
        return rate * (denoise(chi, gamma, condition) - s * chi), gaussian.mean(axis=(1, 2, 3))

    def divergence(t: Array, state: tuple[Array, Array], evaluation: Array) -> Array:
        """The trace of rate·∂(ε̂ − σχ/V)/∂χ; what σχ/V − σχ leaves is known."""
        (chi, _), (gamma, s, rate) = state, rates(t)
        _, derivative = jax.linearize(lambda chi: denoise(chi, gamma, condition), chi)
        if exact := spec.divergence == "exact":
            probes, count = jnp.arange(dimensions), 1
        else:
            own = jax.random.fold_in(key, evaluation)
            probes, count = jax.random.rademacher(own, (spec.probes, *chi.shape), chi.dtype), spec.probes

        # one probe after the other: together with the images they would be one axis, which devices could not share
        def product(given: Array) -> Array:
            v = unit(given) if exact else given
            return jnp.sum(v * rate * derivative(v), axis=(1, 2, 3))

        known = rate * s / _total(process, gamma)
        return jax.lax.map(product, probes).sum(0) / count - jnp.sum(jnp.broadcast_to(known, chi[:1].shape))

    breakpoints = process.path.breakpoints(parameters)
    ends = stretch.segment.start, stretch.segment.stop
    solution = solve(field, (chi, jnp.zeros(1)), *ends, breakpoints, spec.rtol, spec.atol, divergence)
    return solution._replace(state=solution.state[0])


def _gaussian_volume(stretch: Stretch, parameters: Parameters) -> Array:
    """Σ_i ½ log V_i from the start to the end of a stretch: the volume of the flow of independent Gaussians."""
    process = stretch.process
    ends = jnp.array([stretch.segment.start, stretch.segment.stop])
    start, stop = jnp.log(_total(process, process.gamma(ends, parameters)))
    return 0.5 * jnp.sum(jnp.broadcast_to(stop - start, process.variance.shape))


def _total(process: Process, gamma: Array) -> Array:
    """V = α²Σ + σ², the variance of the components at a noising state."""
    return alpha(gamma) ** 2 * process.variance + sigma(gamma) ** 2


def bits_per_dim(nats: Array, process: Process, offset: float) -> Array:
    """Bits/dim of images from −log p of components: −[log p(χ) − Σ log S]/(d ln 2) + offset.

    Args:
        nats: log p(χ), or a lower bound of it, [b].
        process: its scale S has a volume, Σ log S.
        offset: log2(levels/2) for quantized images in [−1, 1], else 0.
    """
    dimensions = process.scale.size
    return -(nats - jnp.sum(jnp.log(process.scale))) / (dimensions * math.log(2)) + offset
