"""Likelihood by the probability-flow ODE (GUD, eq. 25 and App. B)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.flow import coefficients, velocity
from gudspec.program.solver import Solution, solve
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
        chi, volume = solution.state, volume + solution.integral
        evaluations = evaluations + solution.evaluations
        solved &= solution.solved
    normal = -0.5 * jnp.sum(chi**2 + math.log(2 * math.pi), axis=(1, 2, 3))
    return LogLikelihood(jnp.where(solved, normal + volume, jnp.nan), evaluations)


def _through(
    stretch: Stretch, chi: Array, key: Array, parameters: Parameters, condition: Condition, spec: Likelihood
) -> Solution:
    """χ at the end of a stretch, and the integral of the divergence, [b].

    The volume of independent Gaussians, ½ Σ log V, is known. Per dimension it is solved for all the same: an image that
    hardly moves would say nothing of the steps that its divergence needs.

    Every evaluation of the divergence has probes of its own: their errors are independent and average out along the
    way, where those of probes that are kept, as in FFJORD (arXiv:1810.01367, §3.1), would add up.
    """
    process, dimensions, ends = stretch.process, chi[0].size, (stretch.segment.start, stretch.segment.stop)

    def denoise(chi: Array, gamma: Array) -> Array:
        return stretch.denoise(chi, gamma, condition)

    def unit(index: Array) -> Array:
        """A unit vector for every image: made when it is needed, since all of them are a matrix for each image."""
        one = jax.nn.one_hot(index, dimensions, dtype=chi.dtype).reshape(1, *chi.shape[1:])
        return jnp.broadcast_to(one, chi.shape)

    def field(t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        (y, _), at = state, coefficients(process, t, parameters)
        volume = at.rate * (at.expected - sigma(at.gamma))  # ½ V̇/V
        return velocity(denoise, y, at), volume.mean(axis=(1, 2, 3))

    def divergence(t: Array, state: tuple[Array, Array], evaluation: Array) -> Array:
        """Of `velocity`: the trace of ½σγ̇ ∂(ε̂ − σχ/V)/∂χ."""
        (y, _), at = state, coefficients(process, t, parameters)
        _, derivative = jax.linearize(lambda chi: denoise(chi, at.gamma), at.spread * y)
        if exact := spec.divergence == "exact":
            probes, count = jnp.arange(dimensions), 1
        else:
            own = jax.random.fold_in(key, evaluation)
            probes, count = jax.random.rademacher(own, (spec.probes, *chi.shape), chi.dtype), spec.probes

        # one probe after the other: together with the images they would be one axis, which devices could not share
        def product(given: Array) -> Array:
            v = unit(given) if exact else given
            return jnp.sum(v * at.rate * derivative(v), axis=(1, 2, 3))

        expected = jnp.sum(jnp.broadcast_to(at.rate * at.expected, chi[:1].shape))
        return jax.lax.map(product, probes).sum(0) / count - expected

    first, last = (coefficients(process, end, parameters).spread for end in ends)
    breakpoints, begin = process.path.breakpoints(parameters), (chi / first, jnp.zeros(1))
    solution = solve(field, begin, *ends, breakpoints, spec.rtol, spec.atol, divergence)
    volume = jnp.sum(jnp.broadcast_to(jnp.log(last / first), chi[:1].shape))
    return solution._replace(state=last * solution.state[0], integral=solution.integral + volume)


def bits_per_dim(nats: Array, process: Process, offset: float) -> Array:
    """Bits/dim of images from −log p of components: −[log p(χ) − Σ log S]/(d ln 2) + offset.

    Args:
        nats: log p(χ), or a lower bound of it, [b].
        process: its scale S has a volume, Σ log S.
        offset: log2(levels/2) for quantized images in [−1, 1], else 0.
    """
    dimensions = process.scale.size
    return -(nats - jnp.sum(jnp.log(process.scale))) / (dimensions * math.log(2)) + offset
