"""Paths drawn by hand."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path
from gudspec.process.paths.interpolation import piecewise_linear

__all__ = ["Knots"]


@dataclass(frozen=True, eq=False)
class Knots(Path):
    """γ_g(t) piecewise linear through given values at given times, constant before the first and after the last.

    Args:
        groups: components that share γ.
        times: of the knots, [K], increasing in [0, 1].
        values: γ at the knots per group, [K, G], or [K, 1] for all alike; non-decreasing in time.
    """

    groups: Groups
    times: Array
    values: Array

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        return piecewise_linear(t, self.times, self.values)[0]

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G]; at a knot, the larger of the two one-sided derivatives."""
        return piecewise_linear(t, self.times, self.values)[1]

    def breakpoints(self, parameters: Parameters) -> Array:
        """The times of the knots, [K]."""
        return self.times
