"""The linear soft-conditioning schedule."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.orderings import Ordering
from gudspec.process.paths.base import Path

__all__ = ["SoftLinear"]


@dataclass(frozen=True, eq=False)
class SoftLinear(Path):
    """The schedule of GUD, eqs. (20)–(21).

        γ_i(t)  = γ_min,i + (γ_max,i − γ_min,i) t
        γ_min,i = γ̃_denoise + log Σ_i + a (l_i − l_max)
        γ_max,i = γ̃_noise   + log Σ_i + a (l_i − l_min)
        γ̃_noise = max(noise, logit(σ_min²) − min_i log Σ_i)

    Parameters: `inverse_softness` is a ≥ 0. With l = −log Σ and a = 1 all γ_i coincide when the prior is isotropic.

    Args:
        groups: components that share γ.
        log_variance: log Σ per group [G], of the diffused components (zero for data scaled to unit variance).
        ordering: l; components with small l are generated first.
        denoise: γ̃_denoise.
        noise: γ̃_noise, before the rule for σ_min.
        sigma_min: smallest σ_i(1) allowed; None leaves γ̃_noise alone.
    """

    groups: Groups
    log_variance: Array
    ordering: Ordering
    denoise: float
    noise: float
    sigma_min: float | None

    def ends(self, parameters: Parameters) -> tuple[Array, Array]:
        """γ_min and γ_max per group, each [G]."""
        order = self.ordering.values(parameters)
        xp = namespace(self.log_variance, order)
        noise = self.noise
        if self.sigma_min is not None:
            logit = xp.log(self.sigma_min**2 / xp.asarray(1 - self.sigma_min**2))
            noise = xp.maximum(self.noise, logit - xp.min(self.log_variance))
        a = parameters["inverse_softness"]
        start = self.denoise + self.log_variance + a * (order - xp.max(order))
        stop = noise + self.log_variance + a * (order - xp.min(order))
        return start, stop

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        start, stop = self.ends(parameters)
        return start + (stop - start) * t[:, None]

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G], the same at all times."""
        start, stop = self.ends(parameters)
        return (stop - start) * namespace(t, start).ones_like(t[:, None])
