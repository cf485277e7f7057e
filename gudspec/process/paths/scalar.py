"""Paths on which all components share one noise level: reparametrizations of time of one and the same path."""

import math
from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["Cosine", "Linear", "RescaledCosine", "VariancePreserving"]


@dataclass(frozen=True, eq=False)
class Linear(Path):
    """γ(t) = γ_min + (γ_max − γ_min) t (Variational Diffusion Models, arXiv:2107.00630)."""

    groups: Groups
    gamma_min: Array
    gamma_max: Array

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        return self.gamma_min + (self.gamma_max - self.gamma_min) * t[:, None]

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt [b, 1], the same at all times."""
        return (self.gamma_max - self.gamma_min) * namespace(t).ones_like(t[:, None])


@dataclass(frozen=True, eq=False)
class VariancePreserving(Path):
    """γ = log(e^B − 1), B(τ) = β_min τ + ½(β_max − β_min) τ²: the VP SDE with β linear in time.

    Score-Based Generative Modeling (arXiv:2011.13456), eq. 33. τ runs linearly
    from `start` to 1, because γ(τ = 0) = −∞.
    """

    groups: Groups
    beta_min: float
    beta_max: float
    start: float

    def _integral(self, t: Array) -> tuple[Array, Array]:
        """B and dB/dt."""
        tau = self.start + (1 - self.start) * t[:, None]
        slope = self.beta_max - self.beta_min
        return tau * (self.beta_min + 0.5 * slope * tau), (1 - self.start) * (self.beta_min + slope * tau)

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        xp = namespace(t)
        return xp.log(xp.expm1(self._integral(t)[0]))

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt = B'/(1 − e^−B), [b, 1]."""
        integral, derivative = self._integral(t)
        return -derivative / namespace(t).expm1(-integral)


@dataclass(frozen=True, eq=False)
class Cosine(Path):
    """ᾱ(t) = f(t)/f(0), f(t) = cos²(π/2·(t+s)/(1+s)) (Improved DDPM, arXiv:2102.09672, eq. 17), γ clipped.

    γ = log((f(0) − f(t))/f(t)). With φ(t) = π/2·(t+s)/(1+s), f(0) − f(t) = sin(φ − φ_0) sin(φ + φ_0): no difference of
    nearly equal numbers. Time is clipped to where γ reaches its end points, so that nothing infinite is computed.
    """

    groups: Groups
    s: float
    gamma_min: Array
    gamma_max: Array

    def _angle(self, t: Array) -> Array:
        return 0.5 * math.pi * (t + self.s) / (1 + self.s)

    def breakpoints(self, parameters: Parameters) -> Array:
        """The times at which γ reaches γ_min and γ_max, [2]: f(t) = f(0)/(1 + e^γ)."""
        xp = namespace(self.gamma_min, self.gamma_max)
        gamma = xp.stack([xp.asarray(self.gamma_min), xp.asarray(self.gamma_max)])
        angle = xp.arccos(math.cos(self._angle(0.0)) * xp.exp(-0.5 * xp.logaddexp(0 * gamma, gamma)))
        return (1 + self.s) * angle / (0.5 * math.pi) - self.s

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        first, last = self.breakpoints(parameters)
        xp = namespace(t, first)
        angle, zero = self._angle(xp.clip(t[:, None], first, last)), self._angle(0.0)
        gamma = xp.log(xp.sin(angle - zero)) + xp.log(xp.sin(angle + zero)) - 2 * xp.log(xp.cos(angle))
        return xp.clip(gamma, self.gamma_min, self.gamma_max)

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt [b, 1], 0 where γ is clipped."""
        first, last = self.breakpoints(parameters)
        xp = namespace(t, first)
        angle, zero = self._angle(xp.clip(t[:, None], first, last)), self._angle(0.0)
        slope = 1 / xp.tan(angle - zero) + 1 / xp.tan(angle + zero) + 2 * xp.tan(angle)
        active = (t[:, None] >= first) & (t[:, None] <= last)
        return xp.where(active, slope * 0.5 * math.pi / (1 + self.s), 0.0)


@dataclass(frozen=True, eq=False)
class RescaledCosine(Path):
    """γ = 2 log tan(φ_min + (φ_max − φ_min) t), tan² φ = e^γ at the ends: the cosine schedule between finite ends.

    Blurring Diffusion Models (arXiv:2209.05557), App. A, with γ = −log snr; α = cos φ and σ = sin φ.
    """

    groups: Groups
    gamma_min: Array
    gamma_max: Array

    def _angle(self, t: Array) -> tuple[Array, Array]:
        """φ and dφ/dt."""
        xp = namespace(t, self.gamma_min, self.gamma_max)
        low, high = (xp.arctan(xp.exp(0.5 * xp.asarray(end))) for end in (self.gamma_min, self.gamma_max))
        return low + (high - low) * t[:, None], high - low

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        angle = self._angle(t)[0]
        return 2 * namespace(angle).log(namespace(angle).tan(angle))

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt = 4 φ'/sin 2φ, [b, 1]."""
        angle, slope = self._angle(t)
        return 4 * slope / namespace(angle).sin(2 * angle)
