"""A mixture of Gaussians: the oracle whose score is not linear."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from gudspec.process import bases, orderings, paths
from gudspec.process.groups import Groups
from gudspec.process.noising import alpha, sigma
from gudspec.process.oracles import GaussianMixture
from gudspec.process.process import Process
from gudspec.program.bound import variational_bound
from gudspec.program.likelihood import log_likelihood
from gudspec.program.stretches import Stretch
from gudspec.spec.models.results import Likelihood

SHAPE = (2, 2, 1)
RNG = np.random.default_rng(0)
MEANS = np.array([[1.0, 1.0, -1.0, 0.0], [-1.0, 0.5, 1.0, 0.0], [0.0, -1.0, 0.0, 1.5]])
WEIGHTS = np.array([0.5, 0.3, 0.2])
FACTORS = RNG.normal(size=(3, 4, 4)) * 0.2 + 0.3 * np.eye(4)
COVARIANCES = FACTORS @ FACTORS.transpose(0, 2, 1)
MIXTURE = GaussianMixture(*(jnp.asarray(a, jnp.float32) for a in (MEANS, COVARIANCES, WEIGHTS)))

LOW, HIGH = jnp.float32(-11.0), jnp.float32(13.0)
PATHS = {
    "scalar": (paths.Linear(Groups.single(SHAPE), LOW, HIGH), {}),
    "columns": (
        paths.Sequential(Groups.columns(SHAPE), orderings.Fixed(jnp.arange(2.0)), LOW, HIGH),
        {"inverse_softness": jnp.float32(0.4)},
    ),
}


def draw(count: int) -> np.ndarray:
    mode = RNG.choice(3, p=WEIGHTS, size=count)
    return MEANS[mode] + np.einsum("nij,nj->ni", FACTORS[mode], RNG.normal(size=(count, 4)))


def test_density_is_that_of_scipy() -> None:
    chi, gamma = draw(20), RNG.uniform(-3, 3, size=4)
    a2 = 1 / (1 + np.exp(gamma))
    a, s2 = np.sqrt(a2), 1 - a2
    densities = [
        w * scipy.stats.multivariate_normal(a * m, a[:, None] * c * a + np.diag(s2)).pdf(chi)
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    ]
    state = jnp.asarray(gamma.reshape(1, *SHAPE), jnp.float32)
    result = MIXTURE.log_density(jnp.asarray(chi.reshape(-1, *SHAPE), jnp.float32), state)
    np.testing.assert_allclose(result, np.log(np.sum(densities, axis=0)), atol=1e-4)


@pytest.mark.parametrize("batched", [False, True])
def test_denoiser_is_the_gradient_of_the_density(batched: bool) -> None:
    """E[ε | χ] = −σ ∇ log p, with one noising state for the batch or one for each image."""
    chi = jnp.asarray(draw(6).reshape(-1, *SHAPE), jnp.float32)
    gamma = jnp.asarray(RNG.uniform(-3, 3, size=(6 if batched else 1, *SHAPE)), jnp.float32)
    score = jax.grad(lambda chi: MIXTURE.log_density(chi, gamma).sum())(chi)
    np.testing.assert_allclose(MIXTURE.denoise(chi, gamma), -sigma(gamma) * score, atol=1e-4)


def process(name: str) -> tuple[Process, dict]:
    path, parameters = PATHS[name]
    ones = jnp.ones(SHAPE)
    return Process(bases.Pixel(), 0 * ones, ones, ones, path), parameters


@pytest.mark.parametrize("name", list(PATHS))
def test_likelihood_image_by_image(name: str) -> None:
    """The ODE gives log p of every single image, not only its mean; the ends of the path are far enough."""
    system, parameters = process(name)
    chi = jnp.asarray(draw(64).reshape(-1, *SHAPE), jnp.float32)
    spec = Likelihood(kind="likelihood", name="nll", divergence="exact", rtol=1e-5, atol=1e-5)
    result = jax.jit(
        lambda chi: log_likelihood([Stretch(system, MIXTURE.denoise)], chi, jax.random.key(0), parameters, {}, spec)
    )
    expected = MIXTURE.log_density(chi, system.gamma(jnp.zeros(1), parameters))
    np.testing.assert_allclose(result(chi).nats, expected, atol=1e-2)


def test_the_bound_does_not_depend_on_the_path_and_holds() -> None:
    """For the exact denoiser every path between the same ends has one bound; it is tight but for its decoder."""
    chi = jnp.asarray(draw(8192).reshape(-1, *SHAPE), jnp.float32)
    bounds = {}
    for name in PATHS:
        system, parameters = process(name)
        bound = jax.jit(
            lambda chi, system=system, parameters=parameters: variational_bound(
                [Stretch(system, MIXTURE.denoise)], chi, jax.random.key(0), parameters, {}, 32
            )
        )
        bounds[name] = float(bound(chi).mean()) / (4 * np.log(2))
    exact = float(MIXTURE.log_density(chi, jnp.full((1, *SHAPE), -20.0)).mean()) / (4 * np.log(2))
    assert abs(bounds["scalar"] - bounds["columns"]) < 0.01
    assert -0.02 < bounds["scalar"] - exact < 0.01
    assert alpha(HIGH) < 0.02
