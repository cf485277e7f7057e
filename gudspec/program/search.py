"""The search for the path that lowers the variational bound, inside the region of γ that the network was trained on.

The bound is a path integral, ½ E ∫ Σ_i (ε̂_i − ε_i)² dγ_i between fixed ends. For the exact denoiser it is the same
along every path; for a trained one it is not (GUD, arXiv:2410.02667, §4.4, which leaves the search to future work).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gudspec.process.arrays import Array, Parameters
from gudspec.process.paths import Path
from gudspec.process.process import Process
from gudspec.program.bound import decoder, divergence
from gudspec.program.denoiser import Condition, Denoise
from gudspec.program.objective import denoising_error

__all__ = ["Region", "along", "descend", "excess", "into", "region_of"]

Point: TypeAlias = Any
"""What is searched: values of knots [K, G], or shares of the ranges of parameters, by name."""

_VALUES = 9
"""Values of every parameter at which the paths of training are looked at."""


class Region(NamedTuple):
    """Between which γ every group may be, at some times; both ends are non-decreasing in time."""

    low: np.ndarray
    """[K, G]."""
    high: np.ndarray
    """[K, G]."""


def region_of(path: Path, times: np.ndarray, ranges: Mapping[str, tuple[float, float]], free: bool) -> Region:
    """The hull, group by group, of the paths that a network was trained on.

    Args:
        path: the path of the design.
        times: where, [K].
        ranges: trained range of every parameter of the path, by its name.
        free: the groups had noise levels of their own: everything between the ends of the paths was seen.
    """
    values = [np.linspace(low, high, _VALUES if low < high else 1) for low, high in ranges.values()]
    seen = np.concatenate([[0.0, 1.0], times]) if free else times
    shape = (len(seen), path.groups.count)
    corners = (dict(zip(ranges, one, strict=True)) for one in itertools.product(*values))
    gamma = np.stack([np.broadcast_to(np.asarray(path.gamma(seen, at), float), shape) for at in corners])
    low, high = gamma.min(axis=0), gamma.max(axis=0)
    if not free:
        return Region(low, high)
    everywhere = (len(times), path.groups.count)
    return Region(np.broadcast_to(low[0], everywhere), np.broadcast_to(high[1], everywhere))


def excess(region: Region, values: np.ndarray) -> float:
    """How far values [K, G] of γ leave a region, at the worst."""
    return float(np.maximum(np.maximum(region.low - values, values - region.high), 0).max())


def into(region: Region, first: Array, last: Array) -> Callable[[Array], Array]:
    """The projection of knots [K, G] onto monotone ones inside a region, with fixed first and last values [G].

    Two monotone envelopes, from below and from above, lie in the region once the knots do; so does their mean.
    """
    low, high = jnp.asarray(region.low, jnp.float32), jnp.asarray(region.high, jnp.float32)

    def project(values: Array) -> Array:
        values = jnp.clip(values, low, high).at[0].set(first).at[-1].set(last)
        values = jnp.clip(values, first, last)
        above = jax.lax.cummax(values, axis=0)
        below = jax.lax.cummin(values, axis=0, reverse=True)
        return 0.5 * (above + below)

    return project


def along(
    denoise: Denoise,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    times: int,
) -> Array:
    """An upper bound of −log p(χ(0)) in nats, [b]: `variational_bound`, with a gradient in the path.

    The integral is a sum over stretches of time, shifted at random: error at the middle times rise of γ. Differences in
    place of γ̇ follow the kinks of a path when these move, which a derivative at fixed times would not see.

    Args:
        denoise: the denoiser.
        process: the process; its path may be traced.
        chi: components of (dequantized) data, [b, H, W, C].
        key: key of times and noise.
        parameters: parameters of the path; may be traced.
        condition: what the denoiser knows beside χ.
        times: stretches of time, and one more.
    """
    key_time, key_noise = jax.random.split(key)
    offsets = (jax.random.uniform(key_time) + jnp.arange(len(chi)) / len(chi)) % 1

    def stretch(index: Array) -> Array:
        start, stop = (jnp.clip((index + shift + offsets) / times, 0, 1) for shift in (-1, 0))
        rise = process.gamma(stop, parameters) - process.gamma(start, parameters)
        epsilon = jax.random.normal(jax.random.fold_in(key_noise, index), chi.shape)
        error = denoising_error(denoise, process.gamma((start + stop) / 2, parameters), chi, epsilon, condition)
        return 0.5 * jnp.sum(rise * error, axis=(1, 2, 3))

    middle = jax.lax.map(stretch, jnp.arange(times + 1)).sum(axis=0)
    prior = jnp.sum(divergence(process.gamma(jnp.ones(1), parameters), chi, 1.0), axis=(1, 2, 3))
    return decoder(process, parameters) + prior + middle


def descend(
    cost: Callable[..., Array],
    project: Callable[[Point], Point],
    start: Point,
    batches: Iterator[tuple[Any, ...]],
    steps: int,
    rate: float,
) -> Iterator[tuple[Point, float]]:
    """Adam with a falling rate, projected after every step; what counts in the end is the mean of the last half.

    Args:
        cost: (point, *what a batch gives) → a scalar.
        project: point → the nearest allowed one; the allowed ones are convex.
        start: an allowed point.
        batches: what the cost of each step takes.
        steps: how many.
        rate: length of the first steps.

    Yields:
        After every step the mean of the points so far that count, and the cost of the step.
    """
    optimizer = optax.adam(optax.cosine_decay_schedule(rate, steps), b2=0.99)

    @jax.jit
    def step(point: Point, state: Any, mean: Point, weight: Array, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        value, gradient = jax.value_and_grad(cost)(point, *arguments)
        updates, state = optimizer.update(gradient, state, point)
        point = project(optax.apply_updates(point, updates))
        return point, state, jax.tree.map(lambda old, new: old + weight * (new - old), mean, point), value

    point, state, mean = start, optimizer.init(start), start
    for index in range(steps):
        counted = max(index - steps // 2, 0) + 1
        point, state, mean, value = step(point, state, mean, jnp.float32(1 / counted), next(batches))
        yield mean, float(value)
