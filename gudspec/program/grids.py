"""At which times a sampler stops on its way along a path."""

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array, Parameters
from gudspec.process.paths import Path
from gudspec.spec.models import samplers as spec

__all__ = ["shares_of", "times_of"]

_FINE = 2048
"""Pieces in which the length of a path is measured."""


def shares_of(sampler: spec.AnySampler) -> np.ndarray:
    """How far along the grid each step of a sampler with fixed steps begins, and where the last ends: from 1 to 0."""
    if isinstance(sampler.grid, spec.TimesGrid):
        return np.array(sampler.grid.times, np.float32)
    return np.linspace(1.0, 0.0, sampler.steps + 1, dtype=np.float32)


def times_of(sampler: spec.AnySampler, shares: Array, path: Path, parameters: Parameters) -> Array:
    """Times falling from 1 to 0.

    The path's kinks are among the times of every solver of a differential equation, so that no step crosses one.
    Ancestral and DDIM steps know no derivative: they are exact in γ_t and γ_s, take the steps that the spec asks for
    and no more.

    Args:
        sampler: gives the grid, and whether the path's kinks are among the times.
        shares: from `shares_of`, [n + 1].
        path: the path that is followed.
        parameters: its parameters.

    Returns:
        [n + 1], more with kinks. Coinciding times are steps of length 0.
    """
    match sampler.grid:
        case spec.UniformGrid() | spec.TimesGrid():
            times = shares
        case spec.GammaGrid():
            times = _along(shares, path, parameters, power=1)
        case spec.ArcLengthGrid():
            times = _along(shares, path, parameters, power=2)
        case spec.EdmGrid(rho=rho):
            ends = jnp.array([0.0, 1.0])
            low, high = jnp.exp(0.5 * path.gamma(ends, parameters).mean(axis=1))  # σ/α, where the paper has its σ
            sigmas = (low ** (1 / rho) + shares * (high ** (1 / rho) - low ** (1 / rho))) ** rho
            times = _along(jnp.log(sigmas / low) / jnp.log(high / low), path, parameters, power=1)
    if isinstance(sampler, spec.Ancestral | spec.Ddim | spec.PredictorCorrector):
        return times
    breaks = jnp.clip(jnp.asarray(path.breakpoints(parameters)), times[-1], times[0])
    return jnp.sort(jnp.concatenate([times, breaks]), descending=True)


def _along(share: Array, path: Path, parameters: Parameters, power: int) -> Array:
    """The times at which shares of the path's length in γ are done, by the norm of a power over its groups."""
    t = jnp.linspace(0.0, 1.0, _FINE + 1)
    gamma = jax.lax.map(lambda time: path.gamma(time[None], parameters)[0], t)
    moved = jnp.mean(jnp.diff(gamma, axis=0) ** power, axis=1) ** (1 / power)
    # where the path rests any time is right: a little length makes the inverse unique
    length = jnp.concatenate([jnp.zeros(1), jnp.cumsum(moved + 1e-6 * moved.mean())])
    times = jnp.interp(share, length / length[-1], t)
    return jnp.where(share >= 1, 1.0, jnp.where(share <= 0, 0.0, times))  # the ends, to the bit
