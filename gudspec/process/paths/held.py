"""A path on which some components are held at one noising state, while the others go their way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["Held"]


@dataclass(frozen=True, eq=False)
class Held(Path):
    """γ of some components is the same at all times; samplers leave them as they are, to the bit.

    Of known components, held clean: what is drawn then follows the conditional density of the others given these, for
    a network that was trained on such noising states. Of dropped ones, held at the prior: they tell nothing.

    Args:
        base: the path of the others.
        held: which components are held, bool [H, W, C].
        state: their γ: low, where what is known carries no noise; high, where nothing else is left.
    """

    base: Path
    held: Array
    state: float

    @cached_property
    def groups(self) -> Groups:  # type: ignore[override]
        """Every component by itself: what is held need not respect the groups of the path."""
        return Groups.components(self.held.shape)

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per component [b, D] at times t [b]."""
        return self._unless_held(self.base.gamma(t, parameters), self.state)

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per component [b, D] at times t [b]."""
        return self._unless_held(self.base.gamma_dot(t, parameters), 0.0)

    def breakpoints(self, parameters: Parameters) -> Array:
        """Those of the base."""
        return self.base.breakpoints(parameters)

    def _unless_held(self, values: Array, otherwise: float) -> Array:
        xp = namespace(values)
        expanded = xp.where(self.held, otherwise, self.base.groups.expand(values))
        return expanded.reshape(len(expanded), -1)
