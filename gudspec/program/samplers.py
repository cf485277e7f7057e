"""Samplers, component by component, from t to s < t; the state is χ."""

from collections.abc import Callable
from typing import TypeAlias

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import alpha, sigma
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition, Denoise
from gudspec.program.solver import solve
from gudspec.spec.models import results as spec

__all__ = ["Step", "plan", "sample"]

Denoiser: TypeAlias = Callable[[Array, Array], Array]
"""(χ, γ) → ε̂, the condition already given."""

Step: TypeAlias = Callable[[Denoiser, Array, Array, Array, Array], Array]
"""(denoiser, χ_t, γ_t, γ_s, white noise) → χ_s."""


def ddim_step(eta: float) -> Step:
    """DDIM (arXiv:2010.02502, eq. 12): η = 0 is deterministic, η = 1 is ancestral sampling.

    χ_s = α_s x̂ + √(σ_s² − η²σ_s²c) ε̂ + η σ_s √c z with c = 1 − e^(γ_s − γ_t) and x̂ = (χ_t − σ_t ε̂)/α_t.
    """

    def step(denoise: Denoiser, chi: Array, gamma_t: Array, gamma_s: Array, noise: Array) -> Array:
        epsilon = denoise(chi, gamma_t)
        fresh = -jnp.expm1(gamma_s - gamma_t)
        ratio, s = alpha(gamma_s) / alpha(gamma_t), sigma(gamma_s)
        keep = s * jnp.sqrt(1 - eta**2 * fresh) - ratio * sigma(gamma_t)
        return ratio * chi + keep * epsilon + eta * s * jnp.sqrt(fresh) * noise

    return step


def ancestral_step(denoise: Denoiser, chi: Array, gamma_t: Array, gamma_s: Array, noise: Array) -> Array:
    """The posterior q(χ_s | χ_t, x̂) of DDPM (arXiv:2006.11239, eq. 7), in terms of γ (VDM, arXiv:2107.00630, eq. 32).

    χ_s = (α_s/α_t)(χ_t − σ_t c ε̂) + σ_s √c z with c = 1 − e^(γ_s − γ_t).
    """
    epsilon = denoise(chi, gamma_t)
    fresh = -jnp.expm1(gamma_s - gamma_t)
    mean = alpha(gamma_s) / alpha(gamma_t) * (chi - sigma(gamma_t) * fresh * epsilon)
    return mean + sigma(gamma_s) * jnp.sqrt(fresh) * noise


def euler_maruyama_step(denoise: Denoiser, chi: Array, gamma_t: Array, gamma_s: Array, noise: Array) -> Array:
    """The reverse SDE (GUD, eq. 10): −dχ = (½βχ + β∇log p) dt + √β dw, with ∫β dt ≈ σ²(γ_t − γ_s)."""
    s, change = sigma(gamma_t), gamma_t - gamma_s
    return chi + s * change * (0.5 * s * chi - denoise(chi, gamma_t)) + s * jnp.sqrt(change) * noise


def _slope(denoise: Denoiser, chi: Array, gamma: Array) -> Array:
    """dχ/dγ = ½ σ (ε̂ − σχ): the probability-flow ODE (GUD, eq. 25) with γ for time, free of any kink."""
    s = sigma(gamma)
    return 0.5 * s * (denoise(chi, gamma) - s * chi)


def euler_step(denoise: Denoiser, chi: Array, gamma_t: Array, gamma_s: Array, noise: Array) -> Array:
    """Euler's method on the probability-flow ODE."""
    return chi + (gamma_s - gamma_t) * _slope(denoise, chi, gamma_t)


def heun_step(denoise: Denoiser, chi: Array, gamma_t: Array, gamma_s: Array, noise: Array) -> Array:
    """Heun's method on the probability-flow ODE; two evaluations."""
    first = _slope(denoise, chi, gamma_t)
    second = _slope(denoise, chi + (gamma_s - gamma_t) * first, gamma_s)
    return chi + 0.5 * (gamma_s - gamma_t) * (first + second)


def sample(
    denoise: Denoise,
    process: Process,
    chi: Array,
    key: Array,
    parameters: Parameters,
    condition: Condition,
    sampler: spec.AnySampler,
) -> Array:
    """Components at t = 0 from components of the prior.

    Args:
        denoise: the denoiser.
        process: the process; its path is followed from t = 1 to 0.
        chi: white noise, [b, H, W, C].
        key: key of the noise of stochastic samplers.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        sampler: which sampler, how many steps.

    Returns:
        χ(0), [b, H, W, C].
    """

    def denoiser(chi: Array, gamma: Array) -> Array:
        return denoise(chi, gamma, condition)

    if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
        return _probability_flow(denoiser, process, chi, parameters, sampler.rtol, sampler.atol)
    step, times = plan(sampler, process, parameters)
    return _walk(step, denoiser, process, chi, key, parameters, times)


def plan(sampler: spec.AnySampler, process: Process, parameters: Parameters) -> tuple[Step, Array]:
    """The update of a sampler with fixed steps, and its times, falling from 1 to 0, [steps + 1].

    Where the update uses derivatives of the path, the path's kinks are among the times.
    """
    match sampler:
        case spec.Ancestral(steps=steps):
            return ancestral_step, _uniform(steps)
        case spec.Ddim(steps=steps, eta=eta):
            return ddim_step(eta), _uniform(steps)
        case spec.EulerMaruyama(steps=steps):
            return euler_maruyama_step, _with_breakpoints(_uniform(steps), process, parameters)
        case spec.Ode(solver=solver, steps=steps):
            step = {"euler": euler_step, "heun": heun_step}[solver]
            return step, _with_breakpoints(_uniform(steps), process, parameters)


def _uniform(steps: int) -> Array:
    """Times from 1 to 0, [steps + 1]."""
    return jnp.linspace(1.0, 0.0, steps + 1)


def _with_breakpoints(times: Array, process: Process, parameters: Parameters) -> Array:
    """Times with the path's kinks among them, falling: no step crosses one. Coinciding times are steps of length 0."""
    kinks = jnp.clip(process.path.breakpoints(parameters), 0.0, 1.0)
    return jnp.sort(jnp.concatenate([times, kinks]), descending=True)


def _walk(
    step: Step, denoise: Denoiser, process: Process, chi: Array, key: Array, parameters: Parameters, times: Array
) -> Array:
    """Takes one step between each two neighbouring times, as one compiled scan."""

    def body(chi: Array, item: tuple[Array, Array, Array]) -> tuple[Array, None]:
        index, t, s = item
        gamma_t, gamma_s = process.gamma(t[None], parameters), process.gamma(s[None], parameters)
        noise = jax.random.normal(jax.random.fold_in(key, index), chi.shape)
        # a frozen component stays put, to the bit
        return jnp.where(gamma_s == gamma_t, chi, step(denoise, chi, gamma_t, gamma_s, noise)), None

    return jax.lax.scan(body, chi, (jnp.arange(len(times) - 1), times[:-1], times[1:]))[0]


def _probability_flow(
    denoise: Denoiser, process: Process, chi: Array, parameters: Parameters, rtol: float, atol: float
) -> Array:
    def field(t: Array, chi: Array, _: None) -> Array:
        gamma_dot = process.gamma_dot(t[None], parameters)
        return gamma_dot * _slope(denoise, chi, process.gamma(t[None], parameters))

    return solve(field, chi, 1.0, 0.0, process.path.breakpoints(parameters), rtol, atol)[0]
