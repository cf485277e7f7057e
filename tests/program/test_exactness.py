"""The compiled programs against closed forms: Gaussian data, the exact score in the place of the network."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gudspec
from gudspec.process.noising import alpha, sigma
from gudspec.process.oracles import GaussianMixture
from gudspec.program.design import Statistics
from gudspec.program.program import Program
from gudspec.spec.load import loads
from gudspec.spec.models import results, samplers

SIZE = 4
DIMENSIONS = SIZE * SIZE
DESIGNS = {
    "pixel-linear": "{schedule: {kind: linear, gamma: {min: -9, max: 5}}}",
    "pixel-vp": "{schedule: {kind: vp}}",
    "pixel-cosine": "{schedule: {kind: cosine}}",
    "pca-soft": "{basis: {kind: pca}, schedule: {kind: soft_linear, inverse_softness: 0.7}}",
    "pca-whitened": "{basis: {kind: pca}, prior: {kind: data_variance}, schedule: {kind: soft_linear}}",
    "fourier-mixture": "{basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: mixture, r: 0.5}}}",
    "columns": "{schedule: {kind: sequential, inverse_softness: 0.5, gamma: {min: -9, max: 6}}}",
    "haar": "{basis: {kind: haar, levels: 2}, prior: {kind: data_variance}, schedule: {kind: hierarchical}}",
}


def covariance() -> np.ndarray:
    """A smooth random field on a 4×4 image, not diagonal in any of the bases but its own."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2)
    distance = np.linalg.norm(grid[:, None] - grid[None], axis=-1)
    amplitude = np.linspace(0.5, 1.0, DIMENSIONS)
    return amplitude[:, None] * amplitude * 0.3 * np.exp(-distance / 1.5) + 0.02 * np.eye(DIMENSIONS)


class Gaussian:
    """A program of a design on Gaussian data of known covariance, with the exact score for a network."""

    def __init__(self, design: str):
        spec = f"""
            gudspec: 1
            name: oracle
            data: {{source: {{kind: gaussian_field, size: {SIZE}}}}}
            design: {design}
        """
        pixels = covariance()
        program = gudspec.compile(loads(spec))
        shape = (SIZE, SIZE, 1)

        def components(forward) -> np.ndarray:
            matrix = forward(np.eye(DIMENSIONS).reshape(-1, *shape)).reshape(DIMENSIONS, DIMENSIONS).T
            return matrix @ pixels @ matrix.T

        def scaled(forward) -> np.ndarray:
            whole = components(forward)
            if "data_variance" not in design:
                return whole
            deviation = np.sqrt(np.diag(whole))
            return whole / deviation / deviation[:, None]

        self.statistics: Statistics = program.design.statistics(
            np.full(shape, 0.1),
            pixels,
            lambda forward: np.diag(components(forward)).reshape(shape),
            lambda forward: tuple(np.linalg.eigvalsh(scaled(forward))[[0, -1]]),
        )
        self.process = program.process(self.statistics)
        scale = self.process.scale.ravel().astype(float)
        self.covariance = components(self.process.basis.forward) / scale / scale[:, None]
        oracle = GaussianMixture.gaussian(jnp.asarray(self.covariance, jnp.float32))
        self.program: Program = replace(program, denoiser=lambda *_: oracle.denoise)
        self.entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * pixels)[1] / (DIMENSIONS * np.log(2))

    def images(self, count: int) -> jax.Array:
        """Images whose sample mean and covariance are exactly those of the data: expectations without noise."""
        z = np.random.default_rng(0).normal(size=(count, DIMENSIONS))
        z -= z.mean(0)
        z = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T, bias=True))).T
        images = z @ np.linalg.cholesky(covariance()).T
        return jnp.asarray(images.reshape(count, SIZE, SIZE, 1) + 0.1, jnp.float32)

    def end(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """α and σ of every component at a time, float64 [d]."""
        gamma = np.asarray(self.process.gamma(np.full(1, t, np.float32), self.program.at()), float)[0]
        gamma = np.broadcast_to(gamma, (SIZE, SIZE, 1)).ravel()
        return alpha(gamma), sigma(gamma)

    def diffused(self, t: float) -> np.ndarray:
        """Exact covariance of χ(t)."""
        a, s = self.end(t)
        return a[:, None] * self.covariance * a + np.diag(s**2)


@pytest.fixture(scope="module", params=list(DESIGNS))
def gaussian(request: pytest.FixtureRequest) -> Gaussian:
    return Gaussian(DESIGNS[request.param])


def bits(nats: float) -> float:
    return nats / (DIMENSIONS * np.log(2))


def test_likelihood_is_the_entropy(gaussian: Gaussian) -> None:
    """In bits/dim of the *images*: basis, scale and all constants included; the end points cost what they must."""
    spec = results.Likelihood(kind="likelihood", name="nll", divergence="exact", rtol=1e-5, atol=1e-5)
    batch = {"pixels": gaussian.images(256)}
    values = gaussian.program.evaluation(spec)({}, gaussian.statistics, batch, jax.random.key(0), gaussian.program.at())
    start = gaussian.diffused(0.0)  # clean data under the density at t = 0, which the ODE starts from
    start_gap = 0.5 * (np.trace(np.linalg.solve(start, gaussian.covariance)) - DIMENSIONS)
    start_gap += 0.5 * (np.linalg.slogdet(start)[1] - np.linalg.slogdet(gaussian.covariance)[1])
    stop = gaussian.diffused(1.0)  # the flow carries N(0, C) to N(0, C₁) up to the start gap, scored under N(0, 1)
    stop_gap = 0.5 * (np.trace(stop) - DIMENSIONS - np.linalg.slogdet(stop)[1])
    assert bits(stop_gap) < 0.02
    assert abs(float(values.mean()) - gaussian.entropy - bits(start_gap + stop_gap)) < 1.5e-3


def test_bound_is_the_entropy_and_its_slack(gaussian: Gaussian) -> None:
    """Slack of the Gaussian decoder, ½ log det(1 + e^Γ₀ C⁻¹), and KL(χ(1) ‖ N(0, 1))."""
    spec = results.Bound(kind="bound", name="bound", times=64)
    evaluate = gaussian.program.evaluation(spec)
    batch = {"pixels": gaussian.images(16384)}
    values = evaluate({}, gaussian.statistics, batch, jax.random.key(0), gaussian.program.at())
    a, s = gaussian.end(0.0)
    slack = 0.5 * np.linalg.slogdet(np.eye(DIMENSIONS) + np.diag((s / a) ** 2) @ np.linalg.inv(gaussian.covariance))[1]
    stop = gaussian.diffused(1.0)
    gap = 0.5 * (np.trace(stop) - DIMENSIONS - np.linalg.slogdet(stop)[1])
    error = float(values.mean()) - gaussian.entropy - bits(slack + gap)
    assert abs(error) < 5e-3


PATHS = {
    "linear": "linear",
    "cosine": "cosine",
    "columns": "sequential, inverse_softness: 0.5",
    "rows": "sequential, ordering: {kind: row}, inverse_softness: 0.8",
    "patches": "sequential, ordering: {kind: patch, size: 2}, inverse_softness: 0.3",
    "knots": "knots, by: rows, times: [0, 0.2, 1], values: [[-9, -8, 6], [-9, -1, 6], [-9, 3, 6], [-9, -7, 6]]",
    "learned": "learned, pieces: 5",
}


@pytest.mark.slow
def test_bound_does_not_depend_on_the_path() -> None:
    """For the exact denoiser it is a path integral of a gradient field: end points alone decide (GUD, §4.4)."""
    spec, values = results.Bound(kind="bound", name="bound", times=256), {}
    bent = 3 * np.random.default_rng(1).normal(size=(5, DIMENSIONS)).astype(np.float32)
    for name, schedule in PATHS.items():
        ends = "" if name == "knots" else ", gamma: {min: -9, max: 6}"
        gaussian = Gaussian(f"{{schedule: {{kind: {schedule}{ends}}}}}")
        parameters = {"path": {"rises": bent}} if name == "learned" else {}
        evaluate, batch = gaussian.program.evaluation(spec), {"pixels": gaussian.images(8192)}
        bound = evaluate(parameters, gaussian.statistics, batch, jax.random.key(0), gaussian.program.at())
        values[name] = float(bound.mean())
    slack = 0.5 * np.linalg.slogdet(np.eye(DIMENSIONS) + np.exp(-9) * np.linalg.inv(gaussian.covariance))[1]
    stop = gaussian.diffused(1.0)
    gap = 0.5 * (np.trace(stop) - DIMENSIONS - np.linalg.slogdet(stop)[1])
    expected = gaussian.entropy + bits(slack + gap)
    assert {name: value for name, value in values.items() if abs(value - expected) > 5e-3} == {}


def test_likelihood_along_a_learned_path_is_the_entropy() -> None:
    spec = results.Likelihood(kind="likelihood", name="nll", divergence="exact", rtol=1e-5, atol=1e-5)
    gaussian = Gaussian("{schedule: {kind: learned, pieces: 5, gamma: {min: -13, max: 10}}}")
    bent = np.random.default_rng(1).normal(size=(5, DIMENSIONS)).astype(np.float32)
    evaluate, batch = gaussian.program.evaluation(spec), {"pixels": gaussian.images(256)}
    values = evaluate({"path": {"rises": bent}}, gaussian.statistics, batch, jax.random.key(0), {})
    assert abs(float(values.mean()) - gaussian.entropy) < 1e-3


@pytest.mark.parametrize(
    ("sampler", "tolerance"),
    [
        (samplers.Ode(kind="ode", solver="tsit5", rtol=1e-5, atol=1e-5), 2e-3),
        (samplers.Ode(kind="ode", solver="heun", steps=100), 2.5e-2),
        (samplers.Ddim(kind="ddim", steps=400), 3e-2),
        (samplers.Ode(kind="ode", solver="euler", steps=400), 5e-2),
    ],
    ids=["tsit5", "heun", "ddim", "euler"],
)
def test_deterministic_samplers_reach_the_data(
    gaussian: Gaussian, sampler: samplers.AnySampler, tolerance: float
) -> None:
    """With the exact score they are linear maps A: no Monte Carlo, A C₁ Aᵀ must be the covariance at t = 0."""
    from gudspec.program.samplers import sample
    from gudspec.program.stretches import Stretch

    oracle = GaussianMixture.gaussian(jnp.asarray(gaussian.covariance, jnp.float32))
    prior = jnp.eye(DIMENSIONS).reshape(-1, SIZE, SIZE, 1)
    solve = jax.jit(
        lambda chi: sample(
            [Stretch(gaussian.program.process(gaussian.statistics), oracle.denoise)],
            chi,
            jax.random.key(0),
            gaussian.program.at(),
            {},
            sampler,
        )
    )
    matrix = np.asarray(solve(prior), float).reshape(DIMENSIONS, DIMENSIONS).T
    result = matrix @ gaussian.diffused(1.0) @ matrix.T
    expected = gaussian.diffused(0.0)
    assert np.linalg.norm(result - expected) / np.linalg.norm(expected) < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("design", ["pixel-linear", "columns", "pca-whitened"])
@pytest.mark.parametrize(
    "sampler",
    [
        samplers.Ancestral(kind="ancestral", steps=200),
        samplers.Ddim(kind="ddim", steps=200, eta=0.5),
        samplers.EulerMaruyama(kind="euler_maruyama", steps=400),
    ],
    ids=["ancestral", "ddim", "euler_maruyama"],
)
def test_stochastic_samplers_reach_the_data(design: str, sampler: samplers.AnySampler) -> None:
    gaussian, count = Gaussian(DESIGNS[design]), 4000
    draw = gaussian.program.sampler(sampler)
    images = draw({}, gaussian.statistics, jax.random.key(1), gaussian.program.at(), {}, count=count)
    rows = np.asarray(images, float).reshape(count, DIMENSIONS)
    assert np.abs(rows.mean(0) - 0.1).max() < 5 * np.sqrt(covariance().max() / count)
    error = np.linalg.norm(np.cov(rows.T) - covariance()) / np.linalg.norm(covariance())
    assert error < 0.15


def test_training_loss_of_the_exact_score_is_the_closed_form(gaussian: Gaussian) -> None:
    """E(ε̂ − ε)² summed over components is tr(1 − σ V⁻¹ σ), V the covariance of χ(t); no other denoiser does better."""
    chi = gaussian.process.to_components(gaussian.images(4096))
    oracle = GaussianMixture.gaussian(jnp.asarray(gaussian.covariance, jnp.float32)).denoise
    gamma = jnp.asarray(gaussian.process.gamma(np.full(1, 0.5, np.float32), gaussian.program.at()))
    epsilon = jax.random.normal(jax.random.key(0), chi.shape)
    noised = alpha(gamma) * chi + sigma(gamma) * epsilon
    _, s = gaussian.end(0.5)
    expected = np.mean(1 - s**2 * np.diag(np.linalg.inv(gaussian.diffused(0.5))))
    best = float(jnp.mean((oracle(noised, gamma) - epsilon) ** 2))
    assert abs(best - expected) < 0.02 * expected + 1e-4
    for factor in (0.9, 1.1):
        assert float(jnp.mean((factor * oracle(noised, gamma) - epsilon) ** 2)) > best
