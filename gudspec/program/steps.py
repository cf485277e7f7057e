"""One step of each sampler, component by component, from γ_t to γ_s; the state is χ.

Stochastic steps need γ_s ≤ γ_t; deterministic ones go both ways.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.noising import alpha, sigma

__all__ = [
    "Denoiser",
    "Method",
    "Move",
    "ancestral_step",
    "ddim_step",
    "dpm_step",
    "euler_maruyama_step",
    "euler_step",
    "heun_step",
    "langevin",
    "stochastic_heun_step",
]

Denoiser: TypeAlias = Callable[[Array, Array], Array]
"""(χ, γ) → ε̂, the condition already given."""


class Move(NamedTuple):
    """From where to where a step goes."""

    gamma_t: Array
    """γ before it, [1, H, W, C]."""
    gamma_s: Array
    """γ after it, [1, H, W, C]."""
    ratios: Array
    """Lengths in t: this step over the one before, and that over the one before it; 0 of what is not, [2]."""
    length: Array
    """Its length in t, []; negative where it goes towards noise."""


Step: TypeAlias = Callable[[Denoiser, Array, Array, Move, Array], tuple[Array, Array]]
"""(denoiser, χ_t, memory, move, white noise [draws, b, H, W, C]) → χ_s and memory [memory, b, H, W, C], at first 0."""


class Method(NamedTuple):
    """A sampler with fixed steps."""

    step: Step
    """Its update."""
    draws: int = 0
    """White noises that a step takes; 0 of a deterministic sampler."""
    memory: int = 0
    """How many states like χ a step leaves for the next."""
    rests: bool = True
    """Whether components whose γ rests are left as they are, to the bit."""


def ddim_step(eta: float) -> Method:
    """DDIM (arXiv:2010.02502, eq. 12): η = 0 is deterministic, η = 1 is ancestral sampling.

    χ_s = α_s x̂ + √(σ_s² − η²σ_s²c) ε̂ + η σ_s √c z with c = 1 − e^(γ_s − γ_t) and x̂ = (χ_t − σ_t ε̂)/α_t.
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        epsilon = denoise(chi, move.gamma_t)
        fresh = -jnp.expm1(move.gamma_s - move.gamma_t)
        ratio, s = alpha(move.gamma_s) / alpha(move.gamma_t), sigma(move.gamma_s)
        keep = s * jnp.sqrt(1 - eta**2 * fresh) - ratio * sigma(move.gamma_t)
        result = ratio * chi + keep * epsilon
        return (result + eta * s * jnp.sqrt(fresh) * noise[0] if eta else result), memory

    return Method(step, draws=1 if eta else 0)


def ancestral_step() -> Method:
    """The posterior q(χ_s | χ_t, x̂) of DDPM (arXiv:2006.11239, eq. 7), in terms of γ (VDM, arXiv:2107.00630, eq. 32).

    χ_s = (α_s/α_t)(χ_t − σ_t c ε̂) + σ_s √c z with c = 1 − e^(γ_s − γ_t).
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        epsilon = denoise(chi, move.gamma_t)
        fresh = -jnp.expm1(move.gamma_s - move.gamma_t)
        mean = alpha(move.gamma_s) / alpha(move.gamma_t) * (chi - sigma(move.gamma_t) * fresh * epsilon)
        return mean + sigma(move.gamma_s) * jnp.sqrt(fresh) * noise[0], memory

    return Method(step, draws=1)


def _reverse_drift(denoise: Denoiser, chi: Array, gamma: Array) -> Array:
    """Of −dχ = (½βχ + β∇log p) dt + √β dw (GUD, eq. 10) per −dγ, with β dt = σ² dγ and ∇log p = −ε̂/σ."""
    s = sigma(gamma)
    return s * (0.5 * s * chi - denoise(chi, gamma))


def euler_maruyama_step() -> Method:
    """The reverse SDE (GUD, eq. 10) by Euler–Maruyama, with ∫β dt ≈ σ²(γ_t − γ_s)."""

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        change = move.gamma_t - move.gamma_s
        drift = _reverse_drift(denoise, chi, move.gamma_t)
        return chi + change * drift + sigma(move.gamma_t) * jnp.sqrt(change) * noise[0], memory

    return Method(step, draws=1)


def stochastic_heun_step() -> Method:
    """The reverse SDE (GUD, eq. 10) by Heun's method, of weak order 2 as its noise is additive; two evaluations.

    The noise of a step has its exact variance, ∫β dt = ∫σ² dγ = log(1 + e^γ_t) − log(1 + e^γ_s).
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        change = move.gamma_t - move.gamma_s
        kick = jnp.sqrt(jax.nn.softplus(move.gamma_t) - jax.nn.softplus(move.gamma_s)) * noise[0]
        first = _reverse_drift(denoise, chi, move.gamma_t)
        second = _reverse_drift(denoise, chi + change * first + kick, move.gamma_s)
        return chi + 0.5 * change * (first + second) + kick, memory

    return Method(step, draws=1)


def _slope(denoise: Denoiser, chi: Array, gamma: Array) -> Array:
    """dχ/dγ = ½ σ (ε̂ − σχ): the probability-flow ODE (GUD, eq. 25) with γ for time, free of any kink."""
    s = sigma(gamma)
    return 0.5 * s * (denoise(chi, gamma) - s * chi)


def euler_step() -> Method:
    """Euler's method on the probability-flow ODE."""

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        return chi + (move.gamma_s - move.gamma_t) * _slope(denoise, chi, move.gamma_t), memory

    return Method(step)


def heun_step() -> Method:
    """Heun's method on the probability-flow ODE; two evaluations."""

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        change = move.gamma_s - move.gamma_t
        first = _slope(denoise, chi, move.gamma_t)
        second = _slope(denoise, chi + change * first, move.gamma_s)
        return chi + 0.5 * change * (first + second), memory

    return Method(step)


def dpm_step(order: int) -> Method:
    """DPM-Solver++(2M) or (3M) (arXiv:2211.01095, Alg. 2), component by component; the memory holds the last x̂.

    With λ = −γ/2 and h = λ_s − λ_t: χ_s = (σ_s/σ_t) χ_t + α_s ∫ e^(−(h − τ)) x̂(τ) dτ, where 2M takes x̂ at the middle of
    the step, x̂ + ½D with D the last difference per step, and 3M the parabola through the last three estimates, in the
    way of exponential integrators: h (φ_1 x̂ + φ_2 D_1 + φ_3 D_2) with its first two derivatives D_1 and D_2. [derived;
    common implementations have half of this D_2, which is of order 2]

    On clipped paths the length of a component's step before is 0 at the kink where it starts to move, so that ratios of
    lengths are those in t, shared by all components, and at most 2: 2M keeps its order. 3M is of order 3 for γ that is
    linear in t; in the end its first step, which is Euler's, and kinks leave an error of order 2, a smaller one.
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        s_t, a_s = sigma(move.gamma_t), alpha(move.gamma_s)
        clean = (chi - s_t * denoise(chi, move.gamma_t)) / alpha(move.gamma_t)
        ratio, before = jnp.minimum(move.ratios, 2.0)
        change = ratio * (clean - memory[0])
        kept, h = sigma(move.gamma_s) / s_t * chi, 0.5 * (move.gamma_t - move.gamma_s)
        if order == 2:
            return kept - a_s * jnp.expm1(-h) * (clean + 0.5 * change), clean[None]
        bend = (change - ratio * before * (memory[0] - memory[1])) * before / (1 + before)
        moved = _phi(h, 1) * clean + _phi(h, 2) * (change + bend) + _phi(h, 3) * 2 * ratio * bend
        return kept + a_s * h * moved, jnp.stack([clean, memory[0]])

    return Method(step, memory=order - 1)


def _phi(h: Array, order: int) -> Array:
    """φ_k(−h) = ∫_0^1 e^(−(1 − s)h) s^(k−1)/(k−1)! ds, from φ_1(z) = (e^z − 1)/z and φ_(k+1)(z) = (φ_k(z) − 1/k!)/z."""
    near = abs(h) < 0.5  # there differences lose too many digits
    far = jnp.where(near, 1.0, h)
    value = -jnp.expm1(-far) / far
    for k in range(1, order):
        value = (1 / math.factorial(k) - value) / far
    return jnp.where(near, sum((-h) ** j / math.factorial(j + order) for j in range(8)), value)


def langevin(predictor: Method, corrections: int, snr: float) -> Method:
    """Langevin steps at γ_s after each step of a predictor (score SDE, arXiv:2011.13456, Alg. 4).

    χ ← χ + e ∇log p + √(2e) z with e = 2 (snr σ)², per component: the paper's rule e = 2 (snr ‖z‖/‖∇log p‖)² where
    ‖ε̂‖ is what it should be, ‖z‖.
    """

    def step(denoise: Denoiser, chi: Array, memory: Array, move: Move, noise: Array) -> tuple[Array, Array]:
        chi, memory = predictor.step(denoise, chi, memory, move, noise[corrections:])
        s = sigma(move.gamma_s)
        moved = move.gamma_s < move.gamma_t  # the frozen keep still
        for index in range(corrections):
            change = 2 * snr * s * (noise[index] - snr * denoise(chi, move.gamma_s))
            chi = chi + jnp.where(moved, change, 0.0)
        return chi, memory

    return Method(step, predictor.draws + corrections, predictor.memory)
