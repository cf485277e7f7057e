"""Training measures: at which noising states the network learns. They need not lie on the path of sampling."""

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array, Parameters
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["Independent", "LogNormal", "Masked", "Measure", "Mixture", "NoisingStates", "PathMeasure"]


class NoisingStates(NamedTuple):
    """Noising states of a batch."""

    gamma: Array
    """γ per group, [b, G]."""
    gamma_dot: Array
    """dγ/dt per group, [b, G]: γ per unit of probability, which turns an average into an integral over γ."""


class Measure(abc.ABC):
    """A distribution over noising states."""

    groups: Groups
    """The components that share a noising state."""

    @abc.abstractmethod
    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""


@dataclass(frozen=True, eq=False)
class PathMeasure(Measure):
    """t ~ U[0, 1] on a path; parameters uniform in their ranges, once per batch (GUD, App. B).

    Args:
        path: the path that is walked.
        ranges: lowest and highest value of every parameter of the path; equal for fixed ones.
        low_discrepancy: spreads the times of a batch evenly, t_j = (u + j/b) mod 1 with one u per batch (Variational
            Diffusion Models, arXiv:2107.00630, App. I.1): each t is still uniform, their mean varies less.
        start: the first t, where only a part of the path is walked.
        stop: the last t.
    """

    path: Path
    ranges: Mapping[str, tuple[float, float]]
    low_discrepancy: bool = False
    start: float = 0.0
    stop: float = 1.0

    @property
    def groups(self) -> Groups:  # type: ignore[override]
        """Those of the path."""
        return self.path.groups

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        key_t, key_parameters = jax.random.split(key)
        t, parameters = self.times(key_t, batch), self.parameters(key_parameters)
        return NoisingStates(self.path.gamma(t, parameters), self.path.gamma_dot(t, parameters))

    def times(self, key: Array, batch: int) -> Array:
        """The times of `batch` examples, [batch]."""
        if self.low_discrepancy:
            t = (jax.random.uniform(key) + jnp.arange(batch) / batch) % 1
        else:
            t = jax.random.uniform(key, (batch,))
        if (self.start, self.stop) != (0.0, 1.0):
            t = self.start + (self.stop - self.start) * t
        return t

    def parameters(self, key: Array) -> Parameters:
        """One value of every parameter."""
        keys = jax.random.split(key, max(len(self.ranges), 1))
        return {
            name: jax.random.uniform(k, minval=low, maxval=high)
            for k, (name, (low, high)) in zip(keys, sorted(self.ranges.items()), strict=False)
        }


@dataclass(frozen=True, eq=False)
class LogNormal(Measure):
    """log(σ/α) ~ N(mean, deviation²), the same for all groups (EDM, arXiv:2206.00364, Table 1).

    The states may leave the path's ends: the network then knows more than the path needs.

    Args:
        groups: of the path.
        mean: P_mean.
        deviation: P_std.
    """

    groups: Groups
    mean: float
    deviation: float

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        z = jax.random.normal(key, (batch, 1))
        gamma = 2 * (self.mean + self.deviation * z)
        density = jnp.exp(-0.5 * z**2) / (2 * self.deviation * jnp.sqrt(2 * jnp.pi))
        shape = (batch, self.groups.count)
        return NoisingStates(jnp.broadcast_to(gamma, shape), jnp.broadcast_to(1 / density, shape))


@dataclass(frozen=True, eq=False)
class Independent(Measure):
    """Every group at a noise level of its own, uniform in γ between the ends of its path.

    This is the training of Diffusion Forcing (arXiv:2407.01392). The network may then follow any path between the ends.

    Args:
        inner: gives the path and draws its parameters.
    """

    inner: PathMeasure

    @property
    def groups(self) -> Groups:  # type: ignore[override]
        """Those of the path."""
        return self.inner.groups

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        key_level, key_parameters = jax.random.split(key)
        parameters = self.inner.parameters(key_parameters)
        first, last = self.inner.path.gamma(jnp.array([0.0, 1.0]), parameters)
        level = jax.random.uniform(key_level, (batch, len(first)))
        return NoisingStates(first + level * (last - first), jnp.broadcast_to(last - first, level.shape))


@dataclass(frozen=True, eq=False)
class Masked(Measure):
    """Some parts are known: held clean, while the others follow another measure.

    Per example the share of known parts is uniform in [0, 1]; which ones is drawn independently. A network trained so
    can be given any of its components, which sampling then holds while the rest is generated.

    Args:
        inner: where the unknown components are.
        parts: the components that are known together, or unknown together.
        clean: γ of known components; low, since what is known carries no noise.
    """

    inner: Measure
    parts: Groups
    clean: float

    @cached_property
    def groups(self) -> Groups:  # type: ignore[override]
        """Those of the inner measure, cut where a part ends."""
        return self.inner.groups.joined(self.parts)

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        key_share, key_mask, key_inner = jax.random.split(key, 3)
        states = self.inner.sample(key_inner, batch)
        share = jax.random.uniform(key_share, (batch, 1))
        known = jax.random.uniform(key_mask, (batch, self.parts.count)) < share
        known = self.parts.spread(known, self.groups)
        gamma, gamma_dot = (self.inner.groups.spread(state, self.groups) for state in states)
        return NoisingStates(jnp.where(known, self.clean, gamma), jnp.where(known, 0.0, gamma_dot))


@dataclass(frozen=True, eq=False)
class Mixture(Measure):
    """Each example follows one of several measures.

    Args:
        measures: the measures.
        shares: their probabilities; they are normalized.
    """

    measures: Sequence[Measure]
    shares: Sequence[float]

    @cached_property
    def groups(self) -> Groups:  # type: ignore[override]
        """The coarsest partition that serves all measures."""
        return reduce(Groups.joined, (measure.groups for measure in self.measures))

    def sample(self, key: Array, batch: int) -> NoisingStates:
        """Draws the noising states of `batch` examples."""
        key_choice, *keys = jax.random.split(key, 1 + len(self.measures))
        choice = jax.random.categorical(key_choice, jnp.log(jnp.asarray(self.shares)), shape=(batch,))
        drawn = [
            [measure.groups.spread(state, self.groups) for state in measure.sample(k, batch)]
            for measure, k in zip(self.measures, keys, strict=True)
        ]
        rows = jnp.arange(batch)
        return NoisingStates(*(jnp.stack(parts)[choice, rows] for parts in zip(*drawn, strict=True)))
