"""Covariances through the samplers' own updates, exactly: no image is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from threadpoolctl import threadpool_limits

from gudspec.process.arrays import Array
from gudspec.process.process import Process
from gudspec.program.grids import shares_of, times_of
from gudspec.program.samplers import Leg, legs, method_of, move, moves, sample, walk
from gudspec.spec.models import samplers as spec
from gudspec.verify.gaussian import GaussianData

__all__ = ["Propagator", "wasserstein"]

_PADDED = 2048
"""Lengths of walks are multiples of this."""


class Propagator:
    """Covariance of χ(0) under a sampler that starts from the exact covariance at t = 1.

    Every update is linear in χ, noise and memory when the denoiser is: a deterministic sampler is a matrix, its image
    of the unit vectors; a stochastic one has no memory and is a chain of covariances. The prior gap is not counted.

    Args:
        data: the Gaussian and its program.
    """

    def __init__(self, data: GaussianData) -> None:
        self._data = data
        self._start = jnp.asarray(data.in_segment(data.segments[-1]).diffused(1.0), jnp.float32)
        # unit vectors see a full linear map, a vector of ones sees a diagonal one
        units = jnp.eye(data.dimensions) if data.full else jnp.ones((1, data.dimensions))
        self._units = units.reshape(-1, *data.program.shape)
        self._walk = lru_cache(maxsize=None)(self._compiled_walk)
        self._times = lru_cache(maxsize=None)(self._compiled_times)

    def covariance(self, sampler: spec.AnySampler) -> np.ndarray:
        """Covariance of χ(0), float64, of the shape of the data's."""
        with _one_thread():
            if isinstance(sampler, spec.Ode) and sampler.solver == "tsit5":
                result = jax.jit(lambda: self._image(self._adaptive(sampler), self._start))()
            else:
                result = self._walk(_unstepped(sampler))(self._padded_times(sampler))
            return np.asarray(result, np.float64)

    def evaluations(self, sampler: spec.AnySampler) -> int:
        """How often a sampler with fixed steps evaluates the denoiser."""
        times = self._padded_times(sampler)
        steps = sum(int((np.diff(leg.clip(times)) < 0).sum()) for leg in self._legs())
        return steps * sampler.evaluations_per_step

    def _legs(self) -> Iterator[Leg]:
        return legs(self._data.stretches, self._data.parameters)

    def _padded_times(self, sampler: spec.AnySampler) -> Array:
        # one program for every number of steps: steps of length 0 at the end cost nothing
        shares = shares_of(sampler)
        padded = np.zeros(-(-len(shares) // _PADDED) * _PADDED, np.float32)
        padded[: len(shares)] = shares
        return self._times(_unstepped(sampler, grid=sampler.grid))(padded)

    def _compiled_times(self, sampler: spec.AnySampler) -> Callable[[Array], Array]:
        process = self._data.stretches[0].process
        return jax.jit(lambda shares: times_of(sampler, shares, process, self._data.parameters))

    def _compiled_walk(self, sampler: spec.AnySampler) -> Callable[[Array], Array]:
        method, data = method_of(sampler), self._data
        if not method.draws:

            def image(times: Array) -> Array:
                chi = self._units
                for leg in self._legs():
                    way = (chi * leg.factor, jax.random.key(0), data.parameters, leg.clip(times))
                    chi, _ = walk(method, data.oracle.denoise, leg.stretch.process, *way)
                return self._image(chi, self._start)

            return jax.jit(image)
        zeros = jnp.zeros((method.draws, method.draws + 1, *self._units.shape))
        chi = zeros[0].at[0].set(self._units)
        noise = zeros.at[jnp.arange(method.draws), 1 + jnp.arange(method.draws)].set(self._units)
        chi, noise = chi.reshape(-1, *data.program.shape), noise.reshape(method.draws, -1, *data.program.shape)

        def step(process: Process, covariance: Array, row: Array) -> Array:
            to = move(process, data.parameters, row)
            result = method.step(data.oracle.denoise, chi, jnp.zeros((0, *chi.shape)), to, noise)[0]
            moved, *drawn = jnp.split(jnp.where(to.gamma_s == to.gamma_t, chi, result), method.draws + 1)
            identity = jnp.eye(data.dimensions) if data.full else jnp.ones(data.dimensions)
            return self._image(moved, covariance) + sum(self._image(part, identity) for part in drawn)

        def chain(times: Array) -> Array:
            covariance = self._start
            for leg in self._legs():
                covariance = self._image(self._units * leg.factor, covariance)

                def body(covariance: Array, row: Array, process: Process = leg.stretch.process) -> tuple[Array, None]:
                    moved = jax.lax.cond(row[0] > row[1], lambda: step(process, covariance, row), lambda: covariance)
                    return moved, None

                covariance, _ = jax.lax.scan(body, covariance, moves(leg.clip(times)))
            return covariance

        return jax.jit(chain)

    def _adaptive(self, sampler: spec.Ode) -> Array:
        data = self._data
        key = jax.random.key(0)
        return sample(data.stretches, self._units, key, data.parameters, {}, sampler)

    def _image(self, matrix: Array, covariance: Array) -> Array:
        """The covariance after a linear map; row j of the matrix is the image of unit vector j."""
        rows = matrix.reshape(len(self._units), self._data.dimensions)
        return rows.T @ covariance @ rows if self._data.full else rows[0] ** 2 * covariance


@contextmanager
def _one_thread() -> Iterator[None]:
    """LAPACK on one thread: for thousands of small matrices its threads do little but wait for each other.

    A step factorizes one matrix. With a thread on each core that takes several times as long, and on a machine with
    other work up to a hundred times.
    """
    jnp.linalg.cholesky(jnp.eye(2))  # JAX loads the library when it is first used
    with threadpool_limits(1, user_api="blas"):
        yield


def _unstepped(sampler: spec.AnySampler, grid: spec.AnyGrid | None = None) -> spec.AnySampler:
    """What a compiled walk depends on: not on how many steps there are, nor on when."""
    return sampler.model_copy(update={"steps": 1, "grid": grid or spec.UniformGrid(kind="uniform")})


def wasserstein(data: GaussianData, covariance: np.ndarray) -> float:
    """Wasserstein-2 distance of images with this covariance of χ from those at t = 0, over their own size.

    W² = tr(A + B − 2 (A^½ B A^½)^½) of Gaussians with one mean, over tr B (Gelbrich, 1990).
    """
    scale = np.asarray(data.process.scale, np.float64).ravel()
    if not data.full:
        one, two = scale**2 * np.maximum(covariance, 0), scale**2 * data.diffused(0.0)
        return float(np.sqrt(((np.sqrt(one) - np.sqrt(two)) ** 2).sum() / two.sum()))
    one, two = (scale * matrix * scale[:, None] for matrix in (covariance, data.diffused(0.0)))
    with _one_thread():
        # ‖A^½ − B^½ Q‖² with Q the polar factor of B^½A^½: no difference of large traces
        root_one, root_two = _root(one), _root(two)
        left, _, right = np.linalg.svd(root_two @ root_one)
        return float(np.linalg.norm(root_one - root_two @ left @ right) / np.linalg.norm(root_two))


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
