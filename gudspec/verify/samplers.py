"""Samplers: their covariance, propagated exactly through their own updates."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array
from gudspec.program.samplers import plan, sample
from gudspec.spec.models import results as spec
from gudspec.verify.check import Check
from gudspec.verify.gaussian import GaussianData

__all__ = ["check_samplers", "covariance_error"]

_STEPS = (25, 50, 100, 200)


def check_samplers(data: GaussianData) -> Iterator[Check]:
    """Error of the covariance at t = 0 against the number of steps, for the samplers of the spec and a few more.

    Every update is linear in (χ, noise) when the denoiser is: a covariance goes through it without any sampling. The
    walk starts from the exact covariance at t = 1, so that the prior gap is not counted.
    """
    chosen = [entry.sampler for entry in data.program.experiment.sample] or [spec.Ancestral(kind="ancestral")]
    seen = set()
    for sampler in chosen:
        if sampler in seen:
            continue
        seen.add(sampler)
        if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
            yield Check("sampler: ode tsit5, covariance error", 0.0, covariance_error(data, sampler), 1e-2)
            continue
        errors = {}
        for steps in (*_STEPS, sampler.steps):
            if steps not in errors:
                errors[steps] = covariance_error(data, sampler.model_copy(update={"steps": steps}))
                own = " (the spec's)" if steps == sampler.steps else ""
                name = f"sampler: {_name(sampler)}, {steps} steps{own}, covariance error"
                yield Check(name, None, errors[steps], None)
        halved = errors[200] / errors[100]
        note = "error at 200 steps / error at 100: at most ¾ when the sampler converges, unless nothing is left to gain"
        measured = halved if errors[200] > 1e-3 else 0.5
        yield Check(f"sampler: {_name(sampler)}, converges", 0.5, measured, 0.25, note)


def _name(sampler: spec.AnySampler) -> str:
    extra = {"ddim": lambda: f" η = {sampler.eta:g}", "ode": lambda: f" {sampler.solver}"}.get(sampler.kind)  # type: ignore[union-attr]
    return sampler.kind + (extra() if extra else "")


def covariance_error(data: GaussianData, sampler: spec.AnySampler) -> float:
    """‖Cov(χ(0)) − V(0)‖ / ‖V(0)‖ in the Frobenius norm, of a sampler started from the exact V(1)."""
    result = np.asarray(jax.jit(lambda start: _propagate(data, sampler, start))(_start(data)), np.float64)
    expected = data.diffused(0.0)
    return float(np.linalg.norm(result - expected) / np.linalg.norm(expected))


def _start(data: GaussianData) -> Array:
    return jnp.asarray(data.diffused(1.0), jnp.float32)


def _propagate(data: GaussianData, sampler: spec.AnySampler, covariance: Array) -> Array:
    """The covariance of χ(0) from that of χ(1)."""
    shape, d, oracle = data.program.shape, data.dimensions, data.oracle
    process = data.program.process(data.statistics)
    # unit vectors see a full linear map, a vector of ones sees a diagonal one
    units = jnp.eye(d) if data.full else jnp.ones((1, d))
    units = units.reshape(-1, *shape)

    def through(matrix: Array, covariance: Array) -> Array:
        rows = matrix.reshape(len(units), d)  # row j is the image of unit vector j
        return rows.T @ covariance @ rows if data.full else rows[0] ** 2 * covariance

    if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
        linear = sample(oracle.denoise, process, units, jax.random.key(0), data.parameters, {}, sampler)
        return through(linear, covariance)
    step, times = plan(sampler, process, data.parameters)

    def body(covariance: Array, pair: tuple[Array, Array]) -> tuple[Array, None]:
        gamma_t, gamma_s = (process.gamma(t[None], data.parameters) for t in pair)
        zero = jnp.zeros_like(units)
        chi, noise = jnp.concatenate([units, zero]), jnp.concatenate([zero, units])
        result = jnp.where(gamma_s == gamma_t, chi, step(oracle.denoise, chi, gamma_t, gamma_s, noise))
        moved, drawn = jnp.split(result, 2)
        identity = jnp.eye(d) if data.full else jnp.ones(d)
        return through(moved, covariance) + through(drawn, identity), None

    return jax.lax.scan(body, covariance, (times[:-1], times[1:]))[0]
