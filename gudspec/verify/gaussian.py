"""The Gaussian that stands in for the data, and closed forms about it in float64 NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import jax.numpy as jnp
import numpy as np

from gudspec.data.statistics import component_covariance, moments
from gudspec.engine.prepare import Prepared, statistics_of
from gudspec.errors import Refused
from gudspec.process.arrays import Array
from gudspec.process.oracles import GaussianMixture
from gudspec.process.process import Process
from gudspec.program.compiler import compile
from gudspec.program.design import Statistics
from gudspec.program.program import Program
from gudspec.program.segments import Segment, resting
from gudspec.program.stretches import Stretch, deviation, process_of, stretches_of
from gudspec.spec.stage import learned_stage

__all__ = ["LARGEST_FULL", "GaussianData", "gaussian_data"]

LARGEST_FULL = 256
"""Largest number of dimensions for which the full covariance is used; above, the diagonal one of the spec's basis."""


@dataclass(frozen=True, eq=False)
class GaussianData:
    """A spec's program on Gaussian data, the exact score in the place of its network.

    Args:
        program: the compiled spec; its images are real-valued, its denoiser exact.
        statistics: of the data.
        process: the process, in NumPy.
        covariance: C of the components χ: [d, d], or [d] where components are taken to be independent.
        parameters: nominal parameters of the path.
    """

    program: Program
    statistics: Statistics
    process: Process
    covariance: np.ndarray
    parameters: dict[str, Array]

    @property
    def dimensions(self) -> int:
        """D."""
        return len(self.covariance)

    @property
    def full(self) -> bool:
        """Whether correlations between components are kept."""
        return self.covariance.ndim == 2

    @property
    def oracle(self) -> GaussianMixture:
        """The exact denoiser."""
        return GaussianMixture.gaussian(jnp.asarray(self.covariance, jnp.float32))

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """Those of the design, from t = 0 to 1."""
        return self.program.design.segments

    @cached_property
    def stretches(self) -> tuple[Stretch, ...]:
        """Process and exact denoiser per segment, in JAX: what the program runs."""
        process = self.program.process(self.statistics)
        return stretches_of(process, self.segments, lambda *_: self.oracle.denoise)

    def in_segment(self, segment: Segment) -> GaussianData:
        """The same with the process of a segment: what rests is white noise."""
        return replace(self, process=process_of(self.process, segment))

    def deviation(self, segment: Segment) -> np.ndarray:
        """V^½ of what begins to rest with a segment, 1 elsewhere, float64 [d]."""
        spread = np.asarray(deviation(self.process, segment, self.parameters), np.float64).ravel()
        before = resting(self.program.shape, segment.halvings - 1).ravel()
        return np.where(before, 1.0, spread)

    def lost(self, segment: Segment) -> float:
        """KL of χ at the start of a segment from what is drawn there instead, in bits/dim.

        That is the density of what moves on, times independent Gaussians for what begins to rest.
        """
        before = next(one for one in self.segments if one.stop == segment.start)
        spread = self.deviation(segment)
        apart = self.log_det(self.in_segment(segment).diffused(segment.start)) + 2 * float(np.log(spread).sum())
        return self.bits(0.5 * (apart - self.log_det(self.in_segment(before).diffused(segment.start))))

    def coefficients(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """α² and σ² of every component at a time, float64 [d]."""
        gamma = np.asarray(self.process.gamma(np.full(1, t, np.float32), self.parameters), np.float64)[0]
        gamma = np.broadcast_to(gamma, self.program.shape).ravel()
        return np.exp(-np.logaddexp(0, gamma)), np.exp(-np.logaddexp(0, -gamma))

    def diffused(self, t: float) -> np.ndarray:
        """Covariance V of χ(t), of the shape of `covariance`."""
        a2, s2 = self.coefficients(t)
        if not self.full:
            return a2 * self.covariance + s2
        a = np.sqrt(a2)
        return a[:, None] * self.covariance * a + np.diag(s2)

    def points(self) -> np.ndarray:
        """Components [n, d] with mean χχᵀ exactly C: quadratic forms average to their expectation, free of noise.

        The square roots of a covariance are only defined up to a rotation; a random one makes all points typical.
        """
        if not self.full:
            return np.stack([np.sqrt(self.covariance), -np.sqrt(self.covariance)])
        d = self.dimensions
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(d, d)))[0]
        return np.sqrt(d) * rotation @ np.linalg.cholesky(self.covariance).T

    def images(self, chi: np.ndarray) -> np.ndarray:
        """Images [n, H, W, C] of components [n, d], float32."""
        return np.asarray(self.process.to_images(chi.reshape(-1, *self.program.shape)), np.float32)

    def log_det(self, matrix: np.ndarray) -> float:
        """Log det of a covariance of the shape of `covariance`."""
        return float(np.linalg.slogdet(matrix)[1] if self.full else np.log(matrix).sum())

    def trace_ratio(self, above: np.ndarray, below: np.ndarray) -> float:
        """tr(below⁻¹ above)."""
        return float(np.trace(np.linalg.solve(below, above)) if self.full else (above / below).sum())

    def bits(self, nats: float) -> float:
        """Nats of a whole image as bits per dimension."""
        return nats / (self.dimensions * np.log(2))

    @property
    def entropy(self) -> float:
        """Entropy of the images in bits/dim: ½ log det(2πe C) + Σ log S."""
        nats = 0.5 * (self.dimensions * np.log(2 * np.pi * np.e) + self.log_det(self.covariance))
        return self.bits(nats + float(np.log(np.asarray(self.process.scale, np.float64)).sum()))

    @property
    def start_gap(self) -> float:
        """Cross-entropy of clean data under the density at t = 0, minus the entropy, in bits/dim."""
        start = self.diffused(0.0)
        kl = self.trace_ratio(self.covariance, start) - self.dimensions
        return self.bits(0.5 * (kl + self.log_det(start) - self.log_det(self.covariance)))

    @property
    def prior_gap(self) -> float:
        """KL(χ(1) ‖ N(0, 1)) in bits/dim."""
        stop = self.diffused(1.0)
        trace = np.trace(stop) if self.full else stop.sum()
        return self.bits(0.5 * (float(trace) - self.dimensions - self.log_det(stop)))


def gaussian_data(prepared: Prepared) -> GaussianData:
    """The stand-in for the data of an experiment: same mean, same covariance."""
    source, experiment = prepared.source, prepared.experiment
    if learned_stage(experiment.design) is not None:
        raise Refused("a learned stage cannot be verified: the latents of Gaussian images are not Gaussian")
    statistics = statistics_of(prepared)
    program = compile(experiment, source.shape, source.classes)
    if not isinstance(program, Program):
        raise Refused("an autoencoder has no process to verify: verify the spec that diffuses its latents")
    process = program.process(statistics)
    found = moments(experiment.data, source)
    scale = np.asarray(process.scale, np.float64).ravel()
    if found.covariance is not None and scale.size <= LARGEST_FULL:
        covariance = component_covariance(
            found.covariance, source.shape, lambda x: np.asarray(process.basis.forward(x))
        )
        covariance = covariance / scale / scale[:, None]
        # float32 axes are orthogonal to rounding only
        covariance = (covariance + covariance.T) / 2
    else:
        covariance = np.asarray(process.variance, np.float64).ravel()
    oracle = GaussianMixture.gaussian(jnp.asarray(covariance, jnp.float32))
    exact = replace(program, levels=None, denoiser=lambda *_: oracle.denoise)
    return GaussianData(exact, statistics, process, covariance, program.at())
