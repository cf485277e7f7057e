"""Training measures: at which noising states the network learns."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import jax

from gudspec.process.arrays import Array, Parameters
from gudspec.process.paths.base import Path

__all__ = ["Measure", "NoisingStates", "UniformTime"]


class NoisingStates(NamedTuple):
    """Noising states of a batch."""

    gamma: Array
    """γ per group, [b, G]."""
    gamma_dot: Array
    """dγ/dt per group, [b, G]: the density of the states along their path."""


class Measure(abc.ABC):
    """A distribution over noising states."""

    @abc.abstractmethod
    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""


@dataclass(frozen=True, eq=False)
class UniformTime(Measure):
    """t ~ U[0, 1] for every example; parameters uniform in their ranges, once per batch (GUD, App. B).

    Args:
        path: the path that is walked.
        ranges: lowest and highest value of every parameter of the path; equal for fixed ones.
    """

    path: Path
    ranges: Mapping[str, tuple[float, float]]

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        key_t, key_parameters = jax.random.split(key)
        t = jax.random.uniform(key_t, (batch,))
        parameters = self.parameters(key_parameters)
        return NoisingStates(self.path.gamma(t, parameters), self.path.gamma_dot(t, parameters))

    def parameters(self, key: Array) -> Parameters:
        """One value of every parameter."""
        keys = jax.random.split(key, max(len(self.ranges), 1))
        return {
            name: jax.random.uniform(k, minval=low, maxval=high)
            for k, (name, (low, high)) in zip(keys, sorted(self.ranges.items()), strict=False)
        }
