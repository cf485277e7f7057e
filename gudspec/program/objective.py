"""The training loss: denoising score matching, GUD, eq. (12)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.measures import Measure
from gudspec.process.noising import alpha, sigma
from gudspec.program.denoiser import Condition, Denoise

__all__ = ["WEIGHTS", "denoising_error", "denoising_loss"]

WEIGHTS: dict[str, Callable[[Array, Array], Array]] = {
    "uniform": lambda gamma, gamma_dot: jnp.ones_like(gamma),
    "x": lambda gamma, gamma_dot: jnp.exp(gamma),
    "v": lambda gamma, gamma_dot: 1 + jnp.exp(gamma),
    "likelihood": lambda gamma, gamma_dot: 0.5 * gamma_dot,
}
"""Weight of (ε̂ − ε)² per weight of the spec: λ/σ², since the error of the score is that of ε divided by σ."""


def denoising_error(denoise: Denoise, gamma: Array, chi: Array, epsilon: Array, condition: Condition) -> Array:
    """(ε̂_i − ε_i)² of components α χ + σ ε.

    Args:
        denoise: the denoiser.
        gamma: noising state per component, [b or 1, …].
        chi: clean components, [b, H, W, C].
        epsilon: white noise, [b, H, W, C].
        condition: what the denoiser knows beside them.

    Returns:
        [b, H, W, C].
    """
    return (denoise(alpha(gamma) * chi + sigma(gamma) * epsilon, gamma, condition) - epsilon) ** 2


def denoising_loss(
    denoise: Denoise,
    measure: Measure,
    weight: str,
    key: Array,
    chi: Array,
    condition: Condition,
    rows: Callable[[Array], Array] = lambda array: array,
    moving: Array | None = None,
) -> Array:
    """Mean over examples and components of λ_i/σ_i² (ε̂_i − ε_i)².

    Args:
        denoise: the denoiser.
        measure: draws the noising states.
        weight: key of `WEIGHTS`.
        key: key of noising states and noise.
        chi: clean components, [b, H, W, C].
        condition: what the denoiser knows beside them.
        rows: takes the examples that count, after noise and noising states are drawn for all.
        moving: which components count, bool [H, W, C]; the others add 0. None counts all.

    Returns:
        The loss, a scalar.
    """
    key_states, key_noise = jax.random.split(key)
    states = measure.sample(key_states, len(chi))
    epsilon = rows(jax.random.normal(key_noise, chi.shape))
    chi, condition = rows(chi), jax.tree.map(rows, condition)
    gamma, gamma_dot = (measure.groups.expand(rows(state)) for state in states)
    error = WEIGHTS[weight](gamma, gamma_dot) * denoising_error(denoise, gamma, chi, epsilon, condition)
    return jnp.mean(error if moving is None else jnp.where(moving, error, 0.0))
