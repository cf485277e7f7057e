"""The exact renormalization group as a diffusion."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["RgCutoff"]


@dataclass(frozen=True, eq=False)
class RgCutoff(Path):
    """γ_k = (log k² − log Λ(t)²)/w, Λ(t) = Λ_0 e^(−ct): frequencies above the cutoff Λ are noise (GUD, §3.2).

    α_k² = sigmoid((log Λ² − log k²)/w) is the smooth cutoff of Polchinski's equation; w is its width. In terms of (21)
    it is the soft-conditioning schedule of log Σ = 0, l = log k², a = 1/w: fine structure is noised first.

    Args:
        groups: components of one |k|.
        log_k2: log k² per group [G], finite: |k| is max(|k|, k_0), since k = 0 would never be noised.
        log_cutoff2: log Λ_0².
        rate: c.
        width: w.
    """

    groups: Groups
    log_k2: Array
    log_cutoff2: Array
    rate: Array
    width: float

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        return (self.log_k2 - self.log_cutoff2 + 2 * self.rate * t[:, None]) / self.width

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G], the same for all and at all times."""
        xp = namespace(t, self.log_k2)
        return 2 * self.rate / self.width * xp.ones_like(t[:, None] + self.log_k2)
