"""What a path of noising states is."""

import abc

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups

__all__ = ["Path", "Windowed"]


class Path(abc.ABC):
    """A path γ(t) of noising states, t from 0 (data) to 1 (prior), non-decreasing in every group.

    A path is a function of its parameters too, so that one network can be trained over a range of paths and
    one compiled program can evaluate any of them.
    """

    groups: Groups
    """Which components share a noising state."""

    @abc.abstractmethod
    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""

    @abc.abstractmethod
    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G] at times t [b]; at a kink, the larger of the two one-sided derivatives."""

    def breakpoints(self, parameters: Parameters) -> Array:
        """Times of the kinks of γ, [K], K fixed by the path's kind; some may coincide. Smooth paths have none."""
        xp = namespace(*parameters.values())
        return xp.zeros(0)


class Windowed(Path):
    """Paths on which every group is noised linearly during a window of its own and frozen outside of it.

    γ_g(t) = γ_min + (γ_max − γ_min) clip((t − start_g)/(stop_g − start_g), 0, 1)
    """

    gamma_min: Array
    gamma_max: Array

    @abc.abstractmethod
    def windows(self, parameters: Parameters) -> tuple[Array, Array]:
        """Start and stop of the active window of every group, each [G]."""

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ per group [b, G] at times t [b]."""
        start, stop = self.windows(parameters)
        xp = namespace(t, start)
        progress = xp.clip((t[:, None] - start) / (stop - start), 0, 1)
        return self.gamma_min + (self.gamma_max - self.gamma_min) * progress

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt per group [b, G]: constant inside a closed window, 0 outside."""
        start, stop = self.windows(parameters)
        xp = namespace(t, start)
        active = (t[:, None] >= start) & (t[:, None] <= stop)
        return xp.where(active, (self.gamma_max - self.gamma_min) / (stop - start), 0.0)

    def breakpoints(self, parameters: Parameters) -> Array:
        """Starts and stops of all windows, [2G]."""
        start, stop = self.windows(parameters)
        return namespace(start, stop).concatenate([start, stop])
