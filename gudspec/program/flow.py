"""The probability-flow ODE, dχ/dt = ½ σ γ̇ (ε̂ − σχ) (GUD, eq. 25), of y = χ/V^½ with V = α²Σ + σ².

In units of their standard deviation V^½ independent Gaussians of the data's variances stay where they are. A solver has
to follow only what is particular to the data, and its tolerances mean the same for every component, however small its
share of an image is.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import sigma, total_variance
from gudspec.process.process import Process
from gudspec.program.steps import Denoiser

__all__ = ["Coefficients", "coefficients", "velocity"]


class Coefficients(NamedTuple):
    """What the ODE has per component at a time."""

    gamma: Array
    """γ, [1, H, W, C], or [1, 1, 1, 1] when all components share one value."""
    rate: Array
    """½ σ γ̇, of the shape of γ."""
    spread: Array
    """V^½, [1, H, W, C]: χ = V^½ y."""
    expected: Array
    """σ/V, [1, H, W, C]: ε̂ of independent Gaussians is σχ/V."""


def coefficients(process: Process, t: Array | float, parameters: Parameters) -> Coefficients:
    """The coefficients of the ODE at a time.

    Args:
        process: the process.
        t: the time, a number.
        parameters: parameters of the path.
    """
    times = jnp.asarray(t, float)[None]
    gamma = process.gamma(times, parameters)
    noise, total = sigma(gamma), total_variance(gamma, process.variance)
    rate = 0.5 * noise * process.gamma_dot(times, parameters)
    return Coefficients(gamma, rate, jnp.sqrt(total), noise / total)


def velocity(denoise: Denoiser, y: Array, at: Coefficients) -> Array:
    """dy/dt = V^−½ (dχ/dt − ½ V̇/V χ) = V^−½ ½σγ̇ (ε̂ − σχ/V), [b, H, W, C], since V̇ = σ²γ̇ (1 − V)."""
    chi = at.spread * y
    return at.rate / at.spread * (denoise(chi, at.gamma) - at.expected * chi)
