"""The compiled loss, likelihood and bound against closed forms."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array
from gudspec.program.objective import denoising_error
from gudspec.spec.models.results import Bound, Likelihood
from gudspec.verify.check import Check
from gudspec.verify.flow import flow
from gudspec.verify.gaussian import GaussianData

__all__ = ["check_bound", "check_likelihood", "check_loss"]


def check_loss(data: GaussianData) -> Iterator[Check]:
    """The training loss per component and time against the least possible one, diag(1 − σ V⁻¹ σ).

    Its gradient must vanish at the exact score: no change ε̂ + θχ, θ per component, makes it smaller to first order.
    """
    shape, d = data.program.shape, data.dimensions
    # pairs (χ, ε) whose second moments are exactly those of independent data and noise
    chi, epsilon = data.points(), np.sqrt(d) * np.eye(d)
    if data.full:
        zero = np.zeros((d, d))
        chi, epsilon = np.concatenate([chi, zero]), np.concatenate([zero, epsilon])
        factor = 2.0  # half of the points are zero in each
    else:
        ones = np.ones((2, d))
        chi, epsilon = np.concatenate([chi, chi]), np.concatenate([ones, -ones])
        factor = 1.0
    chi32, epsilon32 = (jnp.asarray(a.reshape(-1, *shape), jnp.float32) for a in (chi, epsilon))
    oracle = data.oracle

    @jax.jit
    def errors(theta: Array, gamma: Array) -> Array:
        def denoise(noised: Array, gamma: Array, condition: object) -> Array:
            return oracle.denoise(noised, gamma) + theta * noised

        return factor * denoising_error(denoise, gamma, chi32, epsilon32, {}).mean(axis=0)

    gradient = jax.jit(jax.grad(lambda theta, gamma: errors(theta, gamma).sum()))
    theta = jnp.zeros(shape)
    for t in (0.1, 0.5, 0.9):
        gamma = jnp.asarray(data.process.gamma(np.full(1, t, np.float32), data.parameters))
        _, s2 = data.coefficients(t)
        diffused = data.diffused(t)
        inverse = np.diag(np.linalg.inv(diffused)) if data.full else 1 / diffused
        expected = 1 - s2 * inverse
        measured = np.asarray(errors(theta, gamma), np.float64).ravel()
        worst = int(np.argmax(np.abs(measured - expected)))
        name = f"loss: t = {t:g}, component {worst} (largest deviation of {d})"
        yield Check(name, float(expected[worst]), float(measured[worst]), 2e-3)
        yield Check(f"loss: t = {t:g}, mean over components", float(expected.mean()), float(measured.mean()), 1e-3)
        largest = float(np.abs(np.asarray(gradient(theta, gamma))).max())
        yield Check(f"loss: t = {t:g}, gradient at the exact score", 0.0, largest, 5e-3)


def check_likelihood(data: GaussianData) -> Iterator[Check]:
    """Likelihood by the ODE, in bits/dim of images, against the entropy and what the two ends cost."""
    # a diagonal Jacobian has the same trace under every Rademacher probe: one is exact
    divergence = {"divergence": "exact"} if data.full else {"divergence": "hutchinson", "probes": 1}
    spec = Likelihood(kind="likelihood", name="verify", rtol=1e-5, atol=1e-5, **divergence)
    pixels = data.images(data.points())
    evaluate = data.program.evaluation(spec)
    batch = {"pixels": pixels} | _labels(data, len(pixels))
    values = evaluate({}, data.statistics, batch, jax.random.key(0), data.parameters)
    measured = float(np.asarray(values, np.float64).mean())
    matrix = flow(data)
    # −E log N(A χ; 0, 1) − log|det A| with A C₀ Aᵀ = C₁, for clean data χ
    moved = matrix @ data.covariance @ matrix.T if data.full else matrix**2 * data.covariance
    trace = float(np.trace(moved) if data.full else moved.sum())
    volume = 0.0
    for segment in data.segments:
        own = data.in_segment(segment)
        volume += 0.5 * (data.log_det(own.diffused(segment.stop)) - data.log_det(own.diffused(segment.start)))
        volume -= float(np.log(data.deviation(segment)).sum()) if segment.halvings else 0.0
    nats = 0.5 * (trace + data.dimensions * np.log(2 * np.pi)) - volume
    expected = data.bits(nats + float(np.log(np.asarray(data.process.scale, np.float64)).sum()))
    yield Check("likelihood: ODE, bits/dim", expected, measured, 1e-3, f"the entropy is {data.entropy:.4f}")


def check_bound(data: GaussianData) -> Iterator[Check]:
    """The variational bound, part by part: decoder, what is lost on the way, what is dropped, and the prior.

    Without segments that is the entropy, the slack of the Gaussian decoder and the prior gap.
    """
    count = 4096
    rng = np.random.default_rng(0)
    repeats = -(-count // len(data.points()))
    chi = np.concatenate([data.points()] * repeats)
    if not data.full:  # independent signs keep the variances and look like data
        chi = np.abs(chi) * rng.choice([-1.0, 1.0], size=chi.shape)
    pixels = data.images(chi)
    evaluate = data.program.evaluation(Bound(kind="bound", name="verify", times=32))
    batch = {"pixels": pixels} | _labels(data, len(pixels))
    values = np.asarray(evaluate({}, data.statistics, batch, jax.random.key(0), data.parameters), np.float64)
    a2, s2 = data.coefficients(0.0)
    nats = 0.5 * float((np.log(2 * np.pi * s2 / a2) + 1).sum())
    for segment in data.segments:
        own = data.in_segment(segment)
        nats += _information(own, segment.start) - _information(own, segment.stop)
        if segment.halvings:  # ½ log V/σ² of what begins to rest
            _, noise = data.coefficients(segment.start)
            spread = data.deviation(segment)
            nats += float(np.where(spread == 1, 0.0, np.log(spread) - 0.5 * np.log(noise)).sum())
    last = data.in_segment(data.segments[-1])
    _, noise = last.coefficients(1.0)
    stop = last.diffused(1.0)
    nats += 0.5 * float((np.diag(stop) if data.full else stop).sum() - data.dimensions - np.log(noise).sum())
    expected = data.bits(nats + float(np.log(np.asarray(data.process.scale, np.float64)).sum()))
    error = float(values.std() / np.sqrt(len(values)))
    tolerance = max(5e-3, 4 * error)
    yield Check("bound: bits/dim", expected, float(values.mean()), tolerance, f"Monte Carlo, ± {error:.4f}")


def _information(data: GaussianData, t: float) -> float:
    """What χ(t) tells of the data, ½ log det V − ½ Σ log σ², in nats."""
    return 0.5 * (data.log_det(data.diffused(t)) - float(np.log(data.coefficients(t)[1]).sum()))


def _labels(data: GaussianData, count: int) -> dict[str, np.ndarray]:
    return {"labels": np.zeros(count, np.int32)} if data.program.experiment.network.labels else {}
