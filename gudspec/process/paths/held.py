"""A path on which some components are known: held clean, while the others go their way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["Held"]


@dataclass(frozen=True, eq=False)
class Held(Path):
    """γ of known components is that of clean ones at all times; samplers leave them as they are, to the bit.

    What is drawn then follows the conditional density of the unknown components given the known ones, for a network
    that was trained on such noising states.

    Args:
        base: the path of the unknown components.
        known: which components are known, bool [H, W, C].
        clean: γ of known components; low, since what is known carries no noise.
    """

    base: Path
    known: Array
    clean: float

    @cached_property
    def groups(self) -> Groups:  # type: ignore[override]
        """Every component by itself: what is known need not respect the groups of the path."""
        return Groups.components(self.known.shape)

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per component [b, D] at times t [b]."""
        return self._where_unknown(self.base.gamma(t, parameters), self.clean)

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per component [b, D] at times t [b]."""
        return self._where_unknown(self.base.gamma_dot(t, parameters), 0.0)

    def breakpoints(self, parameters: Parameters) -> Array:
        """Those of the base."""
        return self.base.breakpoints(parameters)

    def _where_unknown(self, values: Array, otherwise: float) -> Array:
        xp = namespace(values)
        expanded = xp.where(self.known, otherwise, self.base.groups.expand(values))
        return expanded.reshape(len(expanded), -1)
