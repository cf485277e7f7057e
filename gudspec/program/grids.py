"""At which times a sampler stops on its way along a path."""

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array, Parameters
from gudspec.process.process import Process
from gudspec.spec.models import samplers as spec

__all__ = ["shares_of", "times_of"]

_TIMES = np.linspace(0.0, 1.0, 2049, dtype=np.float32)
"""Ends of the pieces in which the length of a path is measured."""


def shares_of(sampler: spec.AnySampler) -> np.ndarray:
    """How far along the grid each step of a sampler with fixed steps begins, and where the last ends: from 1 to 0."""
    if isinstance(sampler.grid, spec.TimesGrid):
        return np.array(sampler.grid.times, np.float32)
    return np.linspace(1.0, 0.0, sampler.steps + 1, dtype=np.float32)


def times_of(sampler: spec.AnySampler, shares: Array, process: Process, parameters: Parameters) -> Array:
    """Times falling from 1 to 0.

    The path's kinks are among the times of every solver of a differential equation, so that no step crosses one.
    Ancestral and DDIM steps know no derivative: they are exact in γ_t and γ_s, take the steps that the spec asks for
    and no more.

    Args:
        sampler: gives the grid, and whether the path's kinks are among the times.
        shares: from `shares_of`, [n + 1].
        process: its path is followed.
        parameters: parameters of the path.

    Returns:
        [n + 1], more with kinks. Coinciding times are steps of length 0.
    """
    match sampler.grid:
        case spec.UniformGrid() | spec.TimesGrid():
            times = shares
        case spec.GammaGrid():
            times = _at(shares, _moved(process, parameters, power=1))
        case spec.ArcLengthGrid():
            times = _at(shares, _moved(process, parameters, power=2))
        case spec.EdmGrid(rho=rho):
            ends = jnp.array([0.0, 1.0])
            low, high = jnp.exp(
                0.5 * process.path.gamma(ends, parameters).mean(axis=1)
            )  # σ/α: where the paper has its σ
            sigmas = (low ** (1 / rho) + shares * (high ** (1 / rho) - low ** (1 / rho))) ** rho
            times = _at(jnp.log(sigmas / low) / jnp.log(high / low), _moved(process, parameters, power=1))
        case spec.AngleGrid():
            times = _at(shares, _turned(process, parameters))
    if isinstance(sampler, spec.Ancestral | spec.Ddim | spec.PredictorCorrector):
        return times
    breaks = jnp.clip(jnp.asarray(process.path.breakpoints(parameters)), times[-1], times[0])
    return jnp.sort(jnp.concatenate([times, breaks]), descending=True)


def _moved(process: Process, parameters: Parameters, power: int) -> Array:
    """Length of each piece of the path in γ, by the norm of a power over its groups."""
    gamma = jax.lax.map(lambda time: process.path.gamma(time[None], parameters)[0], _TIMES)
    return jnp.mean(jnp.diff(gamma, axis=0) ** power, axis=1) ** (1 / power)


def _turned(process: Process, parameters: Parameters) -> Array:
    """Length of each piece of the path in the angles φ_i, tan φ_i = σ_i/(α_i √Σ_i), in the norm of images.

    With the exact score of independent Gaussian components ε̂ = u y/(Σ + u²), where u = σ/α and y = χ/α, and the
    probability flow is dy/du = ε̂. A DDIM step is Euler's in u. It errs, relative to y, by ½ (y''/y) Δu² = ½ Δφ²: the
    sum over all steps and components, each with its share Σ_i of the image, is least where all steps are equally long
    in (Σ_i Σ_i dφ_i²)^½. [derived, for DDIM; of one component with Σ = 1 it is the cosine schedule's time]
    """
    weights = process.variance * process.scale**2
    weights = weights / weights.sum()

    def angle(t: Array) -> Array:
        return jnp.arctan(jnp.exp(0.5 * process.gamma(t[None], parameters)[0]) / jnp.sqrt(process.variance))

    def turn(before: Array, t: Array) -> tuple[Array, Array]:
        after = angle(t)
        return after, jnp.sqrt(jnp.sum(weights * (after - before) ** 2))

    return jax.lax.scan(turn, angle(_TIMES[0]), _TIMES[1:])[1]


def _at(shares: Array, lengths: Array) -> Array:
    """The times at which shares of a length are done, which is given piece by piece."""
    # where nothing moves any time is right: a little length makes the inverse unique
    length = jnp.concatenate([jnp.zeros(1), jnp.cumsum(lengths + 1e-6 * lengths.mean())])
    times = jnp.interp(shares, length / length[-1], _TIMES)
    return jnp.where(shares >= 1, 1.0, jnp.where(shares <= 0, 0.0, times))  # the ends, to the bit
