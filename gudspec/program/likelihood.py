"""Likelihood by the probability-flow ODE (GUD, eq. 25 and App. B)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import sigma, total_variance
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.flow import coefficients, velocity
from gudspec.program.solver import Solution, solve
from gudspec.program.stretches import Stretch
from gudspec.spec.models.results import Likelihood

__all__ = ["LogLikelihood", "bits_per_dim", "log_likelihood"]

_NARROWER = 0.1
"""Share of the data's variance that a mode of it may have."""


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

    It is solved for y = χ/V^½, V = α²Σ + σ²: the volume of that is log V/2, summed over the components, at the ends.

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
    first = coefficients(stretches[0].process, 0.0, parameters).spread
    last = coefficients(stretches[-1].process, 1.0, parameters).spread
    # what begins to rest is divided by V^½: y takes no notice
    y, volume, evaluations, solved = chi / first, jnp.log(last / first).sum(), jnp.int32(0), jnp.bool_(True)
    for index, stretch in enumerate(stretches):
        own = jax.random.fold_in(key, index) if index else key
        solution = _through(stretch, y, own, parameters, condition, spec)
        y, volume = solution.state, volume + solution.integral
        evaluations = evaluations + solution.evaluations
        solved &= solution.solved
    normal = -0.5 * jnp.sum((last * y) ** 2 + math.log(2 * math.pi), axis=(1, 2, 3))
    return LogLikelihood(jnp.where(solved, normal + volume, jnp.nan), evaluations)


def _through(
    stretch: Stretch, y: Array, key: Array, parameters: Parameters, condition: Condition, spec: Likelihood
) -> Solution:
    """Y at the end of a stretch, and the integral of its velocity's divergence, [b].

    An image that hardly moves says nothing of the steps that its divergence needs. Therefore something is solved for
    beside it whose value nobody needs: log V′/2 per dimension, of Gaussians that are `_NARROWER` than the data.

    Every evaluation of the divergence has probes of its own: their errors are independent and average out along the
    way, where those of probes that are kept, as in FFJORD (arXiv:1810.01367, §3.1), would add up.
    """
    process, shape, dimensions = stretch.process, y.shape, y[0].size

    def denoise(chi: Array, gamma: Array) -> Array:
        return stretch.denoise(chi, gamma, condition)

    def unit(index: Array) -> Array:
        """A unit vector for every image: made when it is needed, since all of them are a matrix for each image."""
        one = jax.nn.one_hot(index, dimensions, dtype=y.dtype).reshape(1, *shape[1:])
        return jnp.broadcast_to(one, shape)

    def field(t: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        (y, _), at = state, coefficients(process, t, parameters)
        narrow = total_variance(at.gamma, _NARROWER * process.variance)
        return velocity(denoise, y, at), (at.rate * sigma(at.gamma) * (1 / narrow - 1)).mean(axis=(1, 2, 3))

    def divergence(t: Array, state: tuple[Array, Array], evaluation: Array) -> Array:
        """The trace of ½σγ̇ ∂(ε̂ − σχ/V)/∂χ."""
        (y, _), at = state, coefficients(process, t, parameters)
        if exact := spec.divergence == "exact":
            probes, count = jnp.arange(dimensions), 1
        else:
            own = jax.random.fold_in(key, evaluation)
            probes, count = jax.random.rademacher(own, (spec.probes, *shape), y.dtype), spec.probes
        derivative = _derivative(lambda chi: denoise(chi, at.gamma), at.spread * y, len(probes))

        # one probe after the other: together with the images they would be one axis, which devices could not share
        def product(given: Array) -> Array:
            v = unit(given) if exact else given
            return jnp.sum(v * at.rate * (derivative(v) - at.expected * v), axis=(1, 2, 3))

        return jax.lax.map(product, probes).sum(0) / count

    breakpoints, ends = process.path.breakpoints(parameters), (stretch.segment.start, stretch.segment.stop)
    solution = solve(field, (y, jnp.zeros(1)), *ends, breakpoints, spec.rtol, spec.atol, divergence)
    return solution._replace(state=solution.state[0])


def _derivative(function: Callable[[Array], Array], x: Array, times: int) -> Callable[[Array], Array]:
    """V → ∂f/∂x v, asked for a number of times: what several have in common is kept, what one needs is not."""
    if times > 1:
        return jax.linearize(function, x)[1]
    return lambda v: jax.jvp(function, (x,), (v,))[1]


def bits_per_dim(nats: Array, process: Process, offset: float) -> Array:
    """Bits/dim of images from −log p of components: −[log p(χ) − Σ log S]/(d ln 2) + offset.

    Args:
        nats: log p(χ), or a lower bound of it, [b].
        process: its scale S has a volume, Σ log S.
        offset: log2(levels/2) for quantized images in [−1, 1], else 0.
    """
    dimensions = process.scale.size
    return -(nats - jnp.sum(jnp.log(process.scale))) / (dimensions * math.log(2)) + offset
