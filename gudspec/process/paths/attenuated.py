"""Paths that attenuate the signal of some components on top of a noise level that all share."""

import abc

from gudspec.process.arrays import Array, Parameters
from gudspec.process.paths.base import Path

__all__ = ["Attenuated"]


class Attenuated(Path):
    """α_i(t) = α(t) ν_i(t), σ_i(t) = σ(t) with ν_i falling from 1: γ_i = γ(t) − 2 log ν_i(t).

    Only γ_i = 2 log(σ_i/α_i) matters: rescaling each component makes the process variance preserving again.
    """

    base: Path
    """γ(t), which all components share."""

    @abc.abstractmethod
    def loss(self, t: Array) -> tuple[Array, Array]:
        """−2 log ν and its time derivative, per group [b, G], at times t [b]."""

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        return self.base.gamma(t, parameters) + self.loss(t)[0]

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G]; at a kink, the larger of the two one-sided derivatives."""
        return self.base.gamma_dot(t, parameters) + self.loss(t)[1]
