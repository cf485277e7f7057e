"""Samplers: from components of the prior to components of images, along a path."""

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition, Denoise
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
    slope,
    stochastic_heun_step,
)
from gudspec.spec.models import samplers as spec

__all__ = ["method_of", "move", "moves", "sample", "walk"]


def sample(
    denoise: Denoise,
    process: Process,
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
        denoise: the denoiser.
        process: the process, whose path is followed.
        chi: components at `start`, [b, H, W, C]; white noise at t = 1.
        key: key of the noise of stochastic samplers.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        sampler: which sampler, and how many steps it takes from t = 1 to 0; parts of the way take their share of them.
        start: first time.
        stop: last time; only deterministic samplers also go up.
        frames: how many states to keep at even times, of samplers with fixed steps; 0 keeps only the last.

    Returns:
        χ(stop), [b, H, W, C]; or the states [frames, b, H, W, C], of which the last is χ(stop).
    """

    def denoiser(chi: Array, gamma: Array) -> Array:
        return denoise(chi, gamma, condition)

    if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
        return _probability_flow(denoiser, process, chi, parameters, sampler, start, stop)
    times = times_of(sampler, shares_of(sampler), process.path, parameters)
    # what is beyond the ends becomes steps of length 0
    times = jnp.clip(jnp.where(start >= stop, times, times[::-1]), jnp.minimum(start, stop), jnp.maximum(start, stop))
    return walk(method_of(sampler), denoiser, process, chi, key, parameters, times, frames)


def method_of(sampler: spec.AnySampler) -> Method:
    """The update of a sampler with fixed steps."""
    match sampler:
        case spec.Ancestral():
            return ancestral_step()
        case spec.Ddim(eta=eta):
            return ddim_step(eta)
        case spec.Dpm():
            return dpm_step()
        case spec.EulerMaruyama():
            return euler_maruyama_step()
        case spec.StochasticHeun():
            return stochastic_heun_step()
        case spec.PredictorCorrector(corrections=corrections, snr=snr):
            return langevin(ancestral_step(), corrections, snr)
        case spec.Ode(solver=solver):
            return {"euler": euler_step, "heun": heun_step}[solver]()


def moves(times: Array) -> Array:
    """Rows (t, s, length of the step over that of the one before) of the steps between times [n + 1]: [n, 3]."""
    length = times[:-1] - times[1:]
    # of the last step that was not of length 0
    _, before = jax.lax.scan(lambda last, now: (jnp.where(now != 0, now, last), last), jnp.float32(0), length)
    ratio = jnp.where(before != 0, length / jnp.where(before != 0, before, 1), 0)
    return jnp.stack([times[:-1], times[1:], ratio], axis=1)


def move(process: Process, parameters: Parameters, row: Array) -> Move:
    """The step of a row of `moves`."""
    return Move(process.gamma(row[:1], parameters), process.gamma(row[1:2], parameters), row[2])


def walk(
    method: Method,
    denoise: Denoiser,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    times: Array,
    frames: int = 0,
) -> Array:
    """Takes one step between each two neighbouring times, as one compiled scan; see `sample`."""

    def step(state: tuple[Array, Array], index: Array, row: Array) -> tuple[Array, Array]:
        chi, memory = state
        to = move(process, parameters, row)
        noise = jax.random.normal(jax.random.fold_in(key, index), (method.draws, *chi.shape))
        result, memory = method.step(denoise, chi, memory, to, noise)
        return jnp.where(to.gamma_s == to.gamma_t, chi, result), memory  # the frozen stay put, to the bit

    def body(state: tuple[Array, ...], item: tuple[Array, Array]) -> tuple[tuple[Array, ...], None]:
        *inner, kept = state
        index, row = item
        # kinks may coincide with each other or with other times: no evaluation for a step of length 0
        chi, memory = jax.lax.cond(row[0] != row[1], lambda: step(tuple(inner), index, row), lambda: tuple(inner))
        if frames:  # all that are still to come: the next step overwrites those that it reaches
            coming = share[:, None, None, None, None] >= (row[1] - times[0]) / (times[-1] - times[0]) - 1e-6
            kept = jnp.where(coming, chi, kept)
        return (chi, memory, kept), None

    share = jnp.linspace(0.0, 1.0, frames)
    rows = moves(times)
    start = (chi, jnp.zeros_like(chi), jnp.broadcast_to(chi, (frames, *chi.shape)))
    chi, _, kept = jax.lax.scan(body, start, (jnp.arange(len(rows)), rows))[0]
    return kept if frames else chi


def _probability_flow(
    denoise: Denoiser,
    process: Process,
    chi: Array,
    parameters: Parameters,
    sampler: spec.Ode,
    start: Array | float,
    stop: Array | float,
) -> Array:
    def field(t: Array, chi: Array, _: None) -> Array:
        gamma_dot = process.gamma_dot(t[None], parameters)
        return gamma_dot * slope(denoise, chi, process.gamma(t[None], parameters))

    breakpoints = process.path.breakpoints(parameters)
    return solve(field, chi, start, stop, breakpoints, sampler.rtol, sampler.atol)[0]
