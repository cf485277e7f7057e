"""Samplers: from components of the prior to components of images, along a path."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.flow import coefficients, velocity
from gudspec.program.grids import shares_of, times_of
from gudspec.program.solver import solve
from gudspec.program.steps import (
    Denoiser,
    Method,
    Move,
    ancestral_step,
    ddim_step,
    dpm_step,
    euler_maruyama_step,
    euler_step,
    heun_step,
    langevin,
    stochastic_heun_step,
)
from gudspec.program.stretches import Stretch, deviation
from gudspec.spec.models import samplers as spec

__all__ = ["legs", "method_of", "move", "moves", "sample", "walk"]


def sample(
    stretches: Sequence[Stretch],
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    sampler: spec.AnySampler,
    start: Array | float = 1.0,
    stop: Array | float = 0.0,
    frames: int = 0,
) -> Array:
    """Components at one time from components at another; at t = 0 from those of the prior, if no times are given.

    Args:
        stretches: process and denoiser from t = 0 to 1; the path of the process is followed.
        chi: components at `start`, [b, H, W, C]; white noise at t = 1.
        key: key of the noise of stochastic samplers.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        sampler: which sampler, and how many steps it takes from t = 1 to 0; parts of the way take their share of them.
        start: first time.
        stop: last time; only deterministic samplers also go up.
        frames: how many states to keep at even times, of samplers with fixed steps; 0 keeps only the last.

    Returns:
        χ(stop), [b, H, W, C]; or the states [frames, b, H, W, C], of which the last is χ(stop). Where components rest
        they hold the noise that the prior gave them, whenever that is.
    """
    times = times_of(sampler, shares_of(sampler), stretches[0].process, parameters)
    times = jnp.where(start >= stop, times, times[::-1])
    adaptive = isinstance(sampler, spec.Ode) and sampler.solver == "tsit5"
    assert not (frames and adaptive), "an adaptive solver does not stop at given times"
    kept = jnp.broadcast_to(chi, (frames, *chi.shape)) if frames else None

    def denoiser(stretch: Stretch) -> Denoiser:
        return lambda chi, gamma: stretch.denoise(chi, gamma, condition)

    for index, leg in enumerate(legs(stretches, parameters, start, stop)):
        chi, own = chi * leg.factor, jax.random.fold_in(key, index) if index else key
        denoise, process = denoiser(leg.stretch), leg.stretch.process
        if isinstance(sampler, spec.Ode) and adaptive:
            chi = _probability_flow(denoise, process, chi, parameters, sampler, leg.start, leg.stop)
        else:
            way = (method_of(sampler), denoise, process, chi, own, parameters, leg.clip(times))
            chi, kept = walk(*way, None if kept is None else (kept, start, stop))
    return chi if kept is None else kept


class Leg(NamedTuple):
    """The part of a way that lies in one stretch."""

    stretch: Stretch
    """Where."""
    start: Array | float
    """The first time."""
    stop: Array | float
    """The last time."""
    factor: Array | float
    """By which χ is multiplied before, [H, W, C]: what begins to move, or to rest, changes its unit."""

    def clip(self, times: Array) -> Array:
        """Times of the whole way: what is beyond the ends of this part becomes steps of length 0."""
        return jnp.clip(times, jnp.minimum(self.start, self.stop), jnp.maximum(self.start, self.stop))


def legs(
    stretches: Sequence[Stretch], parameters: Parameters, start: Array | float = 1.0, stop: Array | float = 0.0
) -> Iterator[Leg]:
    """The parts of the way from one time to another, in the order in which they are gone.

    Args:
        stretches: from t = 0 to 1.
        parameters: parameters of the path.
        start: first time; a number, where there are several stretches.
        stop: last time; likewise.
    """
    if len(stretches) == 1:
        yield Leg(stretches[0], start, stop, 1.0)
        return
    down, begun = start >= stop, False
    low, high = (stop, start) if down else (start, stop)
    for index in reversed(range(len(stretches))) if down else range(len(stretches)):
        stretch = stretches[index]
        first, last = max(low, stretch.segment.start), min(high, stretch.segment.stop)
        if first >= last:
            continue
        factor: Array | float = 1.0
        if begun and down:
            factor = deviation(stretch.process, stretches[index + 1].segment, parameters)
        elif begun:
            factor = 1 / deviation(stretches[index - 1].process, stretch.segment, parameters)
        begun = True
        yield Leg(stretch, *((last, first) if down else (first, last)), factor)


def method_of(sampler: spec.AnySampler) -> Method:
    """The update of a sampler with fixed steps."""
    match sampler:
        case spec.Ancestral():
            return ancestral_step()
        case spec.Ddim(eta=eta):
            return ddim_step(eta)
        case spec.Dpm(order=order):
            return dpm_step(order)
        case spec.EulerMaruyama():
            return euler_maruyama_step()
        case spec.StochasticHeun():
            return stochastic_heun_step()
        case spec.PredictorCorrector(corrections=corrections, snr=snr):
            return langevin(ancestral_step(), corrections, snr)
        case spec.Ode(solver=solver):
            return {"euler": euler_step, "heun": heun_step}[solver]()


def moves(times: Array) -> Array:
    """Rows (t, s, ratios) of the steps between times [n + 1], see `Move`: [n, 4]."""
    lengths = times[:-1] - times[1:]

    def ratios(last: Array, now: Array) -> tuple[Array, Array]:
        """Of the last two steps that were not of length 0."""
        one, two = last
        among = jnp.array([jnp.where(one != 0, now / one, 0), jnp.where(two != 0, one / two, 0)])
        return jnp.where(now != 0, jnp.array([now, one]), last), among

    return jnp.column_stack([times[:-1], times[1:], jax.lax.scan(ratios, jnp.zeros(2), lengths)[1]])


def move(process: Process, parameters: Parameters, row: Array) -> Move:
    """The step of a row of `moves`."""
    return Move(process.gamma(row[:1], parameters), process.gamma(row[1:2], parameters), row[2:], row[0] - row[1])


def walk(
    method: Method,
    denoise: Denoiser,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    times: Array,
    frames: tuple[Array, Array | float, Array | float] | None = None,
) -> tuple[Array, Array | None]:
    """Takes one step between each two neighbouring times, as one compiled scan; see `sample`.

    Returns:
        χ at the last time, and the states that are kept: those of `frames`, which come with the ends of the whole way.
    """
    kept, begin, end = (None, 1.0, 0.0) if frames is None else frames

    def step(state: tuple[Array, Array], index: Array, row: Array) -> tuple[Array, Array]:
        chi, memory = state
        to = move(process, parameters, row)
        noise = jax.random.normal(jax.random.fold_in(key, index), (method.draws, *chi.shape))
        result, memory = method.step(denoise, chi, memory, to, noise)
        return (jnp.where(to.gamma_s == to.gamma_t, chi, result) if method.rests else result), memory

    def body(state: tuple[Any, ...], item: tuple[Array, Array]) -> tuple[tuple[Any, ...], None]:
        *inner, kept = state
        index, row = item
        # kinks may coincide with each other or with other times: no evaluation for a step of length 0
        chi, memory = jax.lax.cond(row[0] != row[1], lambda: step(tuple(inner), index, row), lambda: tuple(inner))
        if kept is not None:  # all that are still to come: the next step overwrites those that it reaches
            share = jnp.linspace(1.0, 0.0, len(kept))[::-1, None, None, None, None]  # a single one is the last
            kept = jnp.where(share >= (row[1] - begin) / (end - begin) - 1e-6, chi, kept)
        return (chi, memory, kept), None

    rows = moves(times)
    memory = jnp.zeros((method.memory, *chi.shape), chi.dtype)
    chi, _, kept = jax.lax.scan(body, (chi, memory, kept), (jnp.arange(len(rows)), rows))[0]
    return chi, kept


def _probability_flow(
    denoise: Denoiser,
    process: Process,
    chi: Array,
    parameters: Parameters,
    sampler: spec.Ode,
    start: Array | float,
    stop: Array | float,
) -> Array:
    def field(t: Array, y: Array) -> Array:
        return velocity(denoise, y, coefficients(process, t, parameters))

    first, last = (coefficients(process, end, parameters).spread for end in (start, stop))
    y, breakpoints = chi / first, process.path.breakpoints(parameters)
    solution = solve(field, y, start, stop, breakpoints, sampler.rtol, sampler.atol)
    # by what has changed: components that are held keep their values to the bit
    moved = chi * (last / first) + last * (solution.state - y)
    return jnp.where(solution.solved, moved, jnp.nan)
