"""Likelihood where the divergence is known, and what its estimate leaves uncertain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from gudspec.process import bases, paths
from gudspec.process.groups import Groups
from gudspec.process.oracles import GaussianMixture
from gudspec.process.process import Process
from gudspec.program.likelihood import log_likelihood
from gudspec.program.stretches import Stretch
from gudspec.spec.models.results import Likelihood

SHAPE = (4, 4, 1)
LOW, HIGH = -6.0, 6.0
RNG = np.random.default_rng(0)
MATRIX = RNG.normal(size=(16, 16))
COUPLING = 0.02 * (MATRIX + MATRIX.T)
"""∂ε̂/∂χ: the same at all times, so that the divergence is known, and far from diagonal."""


def denoise(chi: jax.Array, gamma: jax.Array, condition: dict[str, jax.Array]) -> jax.Array:
    return (chi.reshape(-1, 16) @ jnp.asarray(COUPLING, jnp.float32)).reshape(chi.shape)


def nats(key: int, **options: object) -> np.ndarray:
    ones = jnp.ones(SHAPE)
    path = paths.Linear(Groups.single(SHAPE), jnp.float32(LOW), jnp.float32(HIGH))
    stretch = Stretch(Process(bases.Pixel(), 0 * ones, ones, 0.3 * ones, path), denoise)
    spec = Likelihood(kind="likelihood", name="nll", **options)
    chi = jnp.asarray(np.random.default_rng(1).normal(size=(256, *SHAPE)), jnp.float32)
    solve = jax.jit(lambda chi, key: log_likelihood([stretch], chi, key, {}, {}, spec).nats)
    return np.asarray(solve(chi, jax.random.key(key)), np.float64)


def test_fresh_probes_are_right_on_average_and_more_certain_than_kept_ones() -> None:
    """A kept Rademacher probe v would add vᵀAv − tr A, A = ∫ ½σγ̇ dt · coupling, of variance 2 Σ_{i≠j} A_ij²."""
    exact = nats(0, divergence="exact")
    error = nats(1) - exact
    assert abs(error.mean()) < 4 * error.std() / np.sqrt(len(error))
    # ∫ ½σ dγ, σ² = sigmoid(γ)
    gamma = np.linspace(LOW, HIGH, 100_001)
    integral = np.trapezoid(0.5 * np.sqrt(scipy.special.expit(gamma)), gamma)
    apart = COUPLING - np.diag(np.diag(COUPLING))
    kept = integral * np.sqrt(2 * (apart**2).sum())
    assert 0.05 * kept < error.std() < 0.5 * kept


def test_more_probes_are_more_certain() -> None:
    """Four times as many halve the uncertainty."""
    exact = nats(0, divergence="exact")
    one, four = ((nats(1, probes=count) - exact).std() for count in (1, 4))
    assert 0.4 < four / one < 0.6


@pytest.mark.parametrize("whitened", [False, True])
def test_an_image_that_does_not_move_has_a_volume_all_the_same(whitened: bool) -> None:
    """Halfway between two modes the field is 0 by symmetry, at all times: no step size follows from it.

    Where components have unit variance no Gaussian of the data's variances changes its volume either.
    """
    mean, width = np.concatenate([np.full(4, 1.0), np.zeros(12)]), np.full(16, 0.2)
    if whitened:
        unit = np.sqrt(mean**2 + width**2)
        mean, width = mean / unit, width / unit
    means, covariance = np.stack([mean, -mean]), np.diag(width**2)
    mixture = GaussianMixture(
        *(jnp.asarray(a, jnp.float32) for a in (means, np.stack([covariance] * 2), np.array([0.5, 0.5])))
    )
    low, high = -11.0, 13.0
    path = paths.Linear(Groups.single(SHAPE), jnp.float32(low), jnp.float32(high))
    variance = (mean**2 + width**2).reshape(SHAPE)
    process = Process(bases.Pixel(), jnp.zeros(SHAPE), jnp.ones(SHAPE), jnp.asarray(variance, jnp.float32), path)
    spec = Likelihood(kind="likelihood", name="nll", divergence="exact")
    chi = jnp.zeros((1, *SHAPE))
    found = log_likelihood([Stretch(process, mixture.denoise)], chi, jax.random.key(0), {}, {}, spec).nats
    expected = scipy.stats.multivariate_normal(mean, covariance).logpdf(np.zeros(16))
    np.testing.assert_allclose(found, expected, atol=0.05)


@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_independent_gaussians_are_solved_exactly_at_any_tolerance(tolerance: float) -> None:
    """They do not move in units of their spread, however fast the path begins: DDPM's has γ̇ = 787 at t = 0.

    Components whose variance is a thousandth count like all others.
    """
    variance = np.geomspace(1e-3, 2.0, 16).reshape(SHAPE)
    path = paths.Ddpm(Groups.single(SHAPE), np.linspace(1e-4, 0.02, 1000))
    process = Process(bases.Pixel(), jnp.zeros(SHAPE), jnp.ones(SHAPE), jnp.asarray(variance, jnp.float32), path)
    mixture = GaussianMixture.gaussian(jnp.asarray(variance.ravel(), jnp.float32))
    spec = Likelihood(kind="likelihood", name="nll", rtol=tolerance, atol=tolerance)
    chi = np.random.default_rng(2).normal(size=(4, *SHAPE)) * np.sqrt(variance)
    solve = jax.jit(
        lambda chi: log_likelihood([Stretch(process, mixture.denoise)], chi, jax.random.key(0), {}, {}, spec).nats
    )
    first, last = (a2 * variance + 1 - a2 for a2 in (1 - 1e-4, np.prod(1 - path.betas)))
    end = chi * np.sqrt(last / first)
    expected = scipy.stats.norm.logpdf(end).sum(axis=(1, 2, 3)) + 0.5 * np.log(last / first).sum()
    np.testing.assert_allclose(solve(jnp.asarray(chi, jnp.float32)), expected, atol=2e-3)
