"""Learned stages: with the projection onto coarse Haar wavelets for an encoder, they are f-DM's average-pool stages."""

from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gudspec
from gudspec.process.arrays import Array
from gudspec.process.bases.haar import Haar
from gudspec.process.measures import PathMeasure
from gudspec.process.process import Process
from gudspec.program.abstract import programs
from gudspec.program.compiler import compile
from gudspec.program.design import Statistics
from gudspec.program.program import Program
from gudspec.program.samplers import walk
from gudspec.program.stage import Frozen, between, moving_loss, moving_step, turn
from gudspec.program.staged import Staged
from gudspec.program.steps import ancestral_step, ddim_step
from gudspec.program.train import TrainState
from gudspec.spec.load import loads

pytestmark = pytest.mark.usefixtures("compiled_fast")

SIDE, TURNING = 4, 0.4
SHAPE, CODE = (SIDE, SIDE, 1), (SIDE // 2, SIDE // 2, 1)
BASE = "{kind: linear, gamma: {min: -9, max: 5}}"
AUTOENCODER = """
    gudspec: 1
    name: autoencoder
    data: {source: {kind: gaussian_field, size: 4, count: 64}}
    objective: {kind: elbo}
    network: {kind: autoencoder, channels: 4, multipliers: [1, 2], latents: 3}
"""


def spec(design: str, more: str = "") -> str:
    return f"""
        gudspec: 1
        name: stage
        data: {{source: {{kind: gaussian_field, size: {SIDE}, count: 64}}}}
        design: {design}
        network: {{kind: unet, channels: 4, multipliers: [1, 1], blocks: 1, heads: 1, state: 8, grids: separate}}
        train: {{steps: 1, batch_size: 32}}
        {more}
    """


LEARNED = spec(f"{{schedule: {BASE}, segments: {{autoencoder: nowhere, turning: {TURNING}}}}}")


@dataclass(frozen=True)
class Linear:
    """f(x) = unit · P (x − mean), g(z) = Pᵀ z/unit + mean, with P the coarse Haar wavelets or any other matrix."""

    matrix: Any
    back: Any
    unit: float = 1.0

    @property
    def latent_shape(self) -> tuple[int, int, int]:
        return CODE

    @cached_property
    def init(self) -> Any:
        return lambda key: TrainState(jnp.zeros(()), {"network": {}}, {}, (), key)

    def means(self, parameters: Any, mean: Array, images: Array) -> Array:
        return self.unit * ((images - mean).reshape(len(images), -1) @ self.matrix.T).reshape(-1, *CODE)

    def decoded(self, parameters: Any, mean: Array, latents: Array) -> Array:
        return ((latents.reshape(len(latents), -1) / self.unit) @ self.back.T).reshape(-1, *SHAPE) + mean


def coarse() -> np.ndarray:
    """The rows of the orthonormal Haar basis that are left of an image halved once, [4, 16]."""
    images = np.eye(SIDE**2).reshape(-1, *SHAPE)
    return np.asarray(Haar(1).forward(images))[:, : SIDE // 2, : SIDE // 2].reshape(SIDE**2, -1).T


def covariance() -> np.ndarray:
    """Of Gaussian images whose pixels are correlated, [16, 16]."""
    mixing = np.random.default_rng(0).normal(size=(SIDE**2, SIDE**2)) / SIDE + np.eye(SIDE**2)
    return 0.2 * mixing @ mixing.T


def linear(unit: float = 1.0) -> Linear:
    return Linear(coarse(), coarse().T, unit)


def staged(coder: Linear, cov: np.ndarray) -> tuple[Staged, Statistics]:
    """The program of a learned stage with a linear autoencoder, and statistics of Gaussian images."""
    whole = compile(loads(LEARNED), autoencoder=loads(AUTOENCODER))
    assert isinstance(whole, Staged)
    program = replace(whole, autoencoder=coder)
    mean = np.linspace(-0.3, 0.4, SIDE**2).reshape(SHAPE)
    codes = coder.unit**2 * coder.matrix @ cov @ coder.matrix.T
    projected = coder.back @ coder.matrix
    rest = np.eye(SIDE**2) - projected
    frozen = Frozen(
        {"network": {}},
        mean,
        np.zeros(CODE),
        np.diag(codes).reshape(CODE),
        np.sqrt(np.trace(projected @ cov @ projected.T) / np.trace(codes)),
        np.sqrt(np.trace(rest @ cov @ rest.T) / SIDE**2),
    )
    variance = np.diag(cov).reshape(SHAPE)
    known = Statistics(mean, np.zeros((0, 0)), variance, np.ones(2), frozen=program.pack(frozen))
    return program, Statistics(*(jnp.asarray(a, jnp.float32) for a in known))


@dataclass(frozen=True)
class Exact:
    """The exact denoisers of Gaussian images under a linear autoencoder, in closed form."""

    coder: Linear
    cov: np.ndarray

    @property
    def rest(self) -> np.ndarray:
        """R of r = R x."""
        return np.eye(SIDE**2) - self.coder.back @ self.coder.matrix

    def moved(self, gamma: float) -> np.ndarray:
        """A of x_t = A x; γ is linear in t here."""
        return np.eye(SIDE**2) - (gamma + 9) / 14 / TURNING * self.rest

    def gains(self, gamma: float) -> tuple[np.ndarray, np.ndarray]:
        """E[ε | z] and E[r | z] of noisy images z = αAx + σε, as matrices."""
        a2, s2 = 1 / (1 + np.exp(gamma)), 1 / (1 + np.exp(-gamma))
        moved = self.moved(gamma)
        inverse = np.linalg.inv(a2 * moved @ self.cov @ moved.T + s2 * np.eye(SIDE**2))
        return np.sqrt(s2) * inverse, np.sqrt(a2) * self.rest @ self.cov @ moved.T @ inverse

    def of_codes(self, gamma: float) -> np.ndarray:
        """E[ε | z] of noisy latents in the unit in which they are as large as what they are decoded to."""
        a2, s2 = 1 / (1 + np.exp(gamma)), 1 / (1 + np.exp(-gamma))
        codes = coarse() @ self.cov @ coarse().T
        return np.sqrt(s2) * np.linalg.inv(a2 * codes + s2 * np.eye(len(codes)))

    def denoiser(self, parameters: Any, process: Process, statistics: Statistics, key: Array | None) -> Any:
        """For `Program.denoiser`: the same in JAX, batched over γ."""
        images, rest, cov = (
            process.scale.shape == SHAPE,
            self.rest,
            self.cov if process.scale.shape == SHAPE else (coarse() @ self.cov @ coarse().T),
        )
        size = len(cov)

        def one(chi: Array, gamma: Array) -> Array:
            gamma = gamma.ravel()[0]
            a2, s2 = jax.nn.sigmoid(-gamma), jax.nn.sigmoid(gamma)
            moved = jnp.eye(size) - (gamma + 9) / 14 / TURNING * rest if images else jnp.eye(size)
            white = jnp.linalg.solve(a2 * moved @ cov @ moved.T + s2 * jnp.eye(size), chi.ravel())
            noise = (jnp.sqrt(s2) * white).reshape(chi.shape)
            if not images:
                return noise
            return jnp.concatenate([noise, (jnp.sqrt(a2) * rest @ cov @ moved.T @ white).reshape(chi.shape)], -1)

        def denoise(chi: Array, gamma: Array, condition: Any) -> Array:
            return jax.vmap(one)(chi, jnp.broadcast_to(gamma, (len(chi), *gamma.shape[1:])))

        return denoise


# ── the process ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("t", [0.0, 0.1, 0.25, 0.39])
def test_images_move_as_those_of_the_average_pool_stage(t: float) -> None:
    """Per Haar component, signal over noise is that of the path γ_HF = γ − 2 log(1 − t/τ) of the schedule `fdm`."""
    program, statistics = staged(linear(), covariance())
    pooled = gudspec.compile(
        loads(
            spec(f"{{basis: {{kind: haar, levels: 1}}, schedule: {{kind: fdm, turning: [{TURNING}], base: {BASE}}}}}")
        )
    )
    assert isinstance(pooled, Program)
    expected = np.asarray(pooled.process(statistics).gamma(jnp.full(1, t), {}))[0]
    program = replace(program, denoiser=lambda *_: lambda chi, gamma, condition: chi)
    pair = program.pair({}, statistics)
    gamma = float(pair.images.gamma(jnp.full(1, t), {}).ravel()[0])
    images = jnp.eye(SIDE**2).reshape(-1, *SHAPE) + statistics.mean
    decoded = program.decode(pair.frozen, program.encode(pair.frozen, images))
    moved = between(pair.images.to_components(images), pair.images.to_components(decoded), t / TURNING)
    # x → x_t is diagonal in Haar wavelets: its entries are the attenuations ν
    matrix = np.asarray(moved).reshape(SIDE**2, -1)
    haar = np.asarray(Haar(1).forward(np.eye(SIDE**2).reshape(-1, *SHAPE))).reshape(SIDE**2, -1)
    diagonal = haar.T @ matrix @ haar
    np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), atol=1e-5)
    np.testing.assert_allclose(gamma - 2 * np.log(np.diag(diagonal)), expected.ravel(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("unit", [1.0, 0.2, 7.0])
def test_latents_have_the_noise_of_the_wavelets_that_are_left(unit: float) -> None:
    """In whatever unit they are: mean and covariance of noisy latents are those of the noisy coarse wavelets."""
    cov = covariance()
    program, statistics = staged(linear(unit), cov)
    pair = replace(program, denoiser=lambda *_: None).pair({}, statistics)
    images = jnp.asarray(np.random.default_rng(1).normal(size=(8, *SHAPE)), jnp.float32)
    latents = pair.latents.to_components(program.encode(pair.frozen, images))
    wavelets = Haar(1).forward(images - statistics.mean)[:, : SIDE // 2, : SIDE // 2]
    np.testing.assert_allclose(latents, wavelets, atol=1e-5)
    np.testing.assert_allclose(np.ravel(pair.latents.variance), np.diag(coarse() @ cov @ coarse().T), rtol=1e-5)
    times = jnp.linspace(TURNING, 1, 5)
    np.testing.assert_array_equal(pair.latents.gamma(times, {}), pair.images.gamma(times, {}))


def test_pooled_latents_have_the_snr_of_the_paper() -> None:
    """Averages of 2×2 equal pixels: per component, SNR × D(images)/D(latents), in f-DM's units."""
    pool, flat = coarse() / 2, coarse().T @ coarse()
    cov = flat @ covariance() @ flat
    program, statistics = staged(Linear(pool, 4 * pool.T), cov)
    pair = replace(program, denoiser=lambda *_: None).pair({}, statistics)
    images, latents = (float(jnp.mean(one.variance)) for one in (pair.images, pair.latents))
    assert latents == pytest.approx(4 * images, rel=1e-5)


def test_the_snr_is_the_same_on_both_sides_of_the_turning_point() -> None:
    """After `turn` the state is α g(ẑ) with white noise of σ; before it, latents have as much SNR in all."""
    program, statistics = staged(linear(0.3), covariance())
    pair = replace(program, denoiser=lambda *_: None).pair({}, statistics)
    count = 20_000
    codes = jax.random.normal(jax.random.key(0), (count, *CODE)) * jnp.sqrt(pair.latents.variance)
    at = jnp.full(1, TURNING)
    gamma = pair.latents.gamma(at, {})
    alpha, sigma = jnp.sqrt(jax.nn.sigmoid(-gamma)), jnp.sqrt(jax.nn.sigmoid(gamma))
    epsilon = jax.random.normal(jax.random.key(1), codes.shape)

    def decode(latents: Array) -> Array:
        return program.decode(pair.frozen, latents)

    state, seen = turn(
        lambda chi, gamma: epsilon, pair.latents, pair.images, decode, alpha * codes + sigma * epsilon, TURNING,
        jax.random.key(2), {},
    )  # fmt: skip
    np.testing.assert_allclose(pair.latents.to_components(seen), codes, atol=1e-4)
    signal = np.asarray(alpha * pair.images.to_components(decode(seen))).reshape(count, -1)
    noise = np.asarray(state).reshape(count, -1) - signal
    sigma2 = float(sigma.ravel()[0] ** 2)
    np.testing.assert_allclose(np.cov(noise.T), sigma2 * np.eye(SIDE**2), atol=5 * sigma2 / np.sqrt(count))
    before = float(alpha.ravel()[0] ** 2 * pair.latents.variance.sum()) / sigma2
    assert np.trace(np.cov(signal.T)) / np.cov(noise.T).diagonal().mean() == pytest.approx(before, rel=0.03)


# ── sampling ────────────────────────────────────────────────────────────────────────────────────────


def noisy(exact: Exact, t: float) -> np.ndarray:
    """Covariance of noisy images at t."""
    gamma = -9 + 14 * t
    moved = exact.moved(gamma)
    a2, s2 = 1 / (1 + np.exp(gamma)), 1 / (1 + np.exp(-gamma))
    return a2 * moved @ exact.cov @ moved.T + s2 * np.eye(SIDE**2)


def test_images_come_back_exactly_with_the_exact_denoiser() -> None:
    """DDIM is linear on Gaussian data: its matrix takes the covariance at τ to that at 0, to first order in steps."""
    exact = Exact(linear(), covariance())
    program, statistics = staged(exact.coder, exact.cov)
    pair = replace(program, denoiser=exact.denoiser).pair({}, statistics)
    errors = []
    for steps in (80, 320):
        end, _ = walk(
            moving_step(ddim_step(0.0), TURNING), lambda c, g: pair.moving(c, g, {}), pair.images,
            jnp.eye(SIDE**2).reshape(-1, *SHAPE), jax.random.key(0), {}, jnp.linspace(TURNING, 0, steps + 1),
        )  # fmt: skip
        matrix = np.asarray(end, float).reshape(SIDE**2, -1).T
        reached = matrix @ noisy(exact, TURNING) @ matrix.T
        errors.append(np.abs(reached - noisy(exact, 0.0)).max() / np.abs(exact.cov).max())
    assert errors[1] < 0.35 * errors[0]
    assert errors[1] < 0.015


def reference(exact: Exact, steps: int, eta: float) -> np.ndarray:
    """Covariance of what f-DM's Algorithm 2 draws, step by step in NumPy."""

    def coefficients(gamma: float) -> tuple[float, float]:
        return np.sqrt(1 / (1 + np.exp(gamma))), np.sqrt(1 / (1 + np.exp(-gamma)))

    grid = np.linspace(1, 0, steps + 1)
    late, early = np.maximum(grid, TURNING), np.minimum(grid, TURNING)
    state = np.eye(SIDE**2 // 4)
    for t, s in pairwise(late):
        if t == s:
            continue
        state = step(*(exact.of_codes(-9 + 14 * t), None), t, s, eta, state, coefficients)
    alpha, sigma = coefficients(-9 + 14 * TURNING)
    clean = (np.eye(SIDE**2 // 4) - sigma * exact.of_codes(-9 + 14 * TURNING)) / alpha
    seen = coarse().T @ clean
    state = alpha**2 * seen @ state @ seen.T + sigma**2 * np.eye(SIDE**2)
    for t, s in pairwise(early):
        if t == s:
            continue
        state = step(*exact.gains(-9 + 14 * t), t, s, eta, state, coefficients)
    return state


def step(noise: np.ndarray, left: np.ndarray | None, t: float, s: float, eta: float, state: np.ndarray, of: Any) -> Any:
    """z_s = α_s (x̂_t + δ̂ (t − s)/t) + √(σ_s² − η²σ̄²) ε̂ + ησ̄ξ, σ̄² = σ_s² (1 − e^(γ_s − γ_t)), δ̂ = (t/τ) r̂."""
    (a_t, s_t), (a_s, s_s) = of(-9 + 14 * t), of(-9 + 14 * s)
    fresh = s_s**2 * (1 - np.exp(14 * (s - t)))
    one = np.eye(len(state))
    clean = (one - s_t * noise) / a_t
    if left is not None:
        clean = clean + t / TURNING * left * (t - s) / t
    matrix = a_s * clean + np.sqrt(s_s**2 - eta**2 * fresh) * noise
    return matrix @ state @ matrix.T + eta**2 * fresh * one


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "eta"), [("ancestral", 1.0), ("ddim", 0.0)])
def test_what_is_drawn_has_the_covariance_of_the_algorithm(sampler: str, eta: float) -> None:
    exact, steps, count = Exact(linear(0.5), covariance()), 50, 40_000
    program, statistics = staged(exact.coder, exact.cov)
    entry = loads(LEARNED + f"\n        sample: [{{name: s, sampler: {{kind: {sampler}, steps: {steps}}}}}]").sample[0]
    draw = replace(program, denoiser=exact.denoiser).drawing(entry)
    drawn = draw({}, statistics, jax.random.key(3), {}, {}, count=count)
    images = np.asarray(drawn["images"], float).reshape(count, -1)
    expected = reference(exact, steps, eta)
    assert drawn["codes"].shape == (count, *CODE)
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(np.cov(images.T) / spread, expected / spread, atol=6 / np.sqrt(count))
    np.testing.assert_allclose(images.mean(axis=0), np.ravel(statistics.mean), atol=6 * np.sqrt(expected.max() / count))


def test_turning_loses_what_the_latents_do_not_tell_yet() -> None:
    """ẑ = E[z | z_τ] has less variance than z, by that of the posterior: 1/(1 + SNR) of it per component."""
    exact = Exact(linear(), covariance())
    codes = coarse() @ exact.cov @ coarse().T
    posterior = np.linalg.inv(np.linalg.inv(codes) + np.exp(9 - 14 * TURNING) * np.eye(len(codes)))
    drawn = reference(exact, 4000, 1.0)
    lost = np.trace(codes) - np.trace(coarse() @ drawn @ coarse().T)
    # the images' own stage puts back a little of it
    assert 0.3 * np.trace(posterior) < lost < np.trace(posterior)


# ── training ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_the_loss_is_least_at_the_exact_denoiser() -> None:
    exact, count = Exact(linear(), covariance()), 20_000
    program, statistics = staged(exact.coder, exact.cov)
    pair = replace(program, denoiser=exact.denoiser).pair({}, statistics)
    root = np.linalg.cholesky(exact.cov)
    chi = jax.random.normal(jax.random.key(0), (count, SIDE**2)) @ root.T
    decoded = (chi @ (np.eye(SIDE**2) - exact.rest).T).reshape(-1, *SHAPE)
    chi = chi.reshape(-1, *SHAPE)
    measure = PathMeasure(pair.images.path, {}, True, 0.0, TURNING)

    @jax.jit
    def loss(theta: Array) -> Array:
        scales = jnp.concatenate([jnp.full(1, 1 + theta[0]), jnp.full(1, 1 + theta[1])])
        unit = pair.frozen.residual / pair.images.scale
        args = (pair.images, measure, "uniform", unit, jax.random.key(1), (chi, decoded), {})
        return moving_loss(lambda c, g, k: scales * pair.moving(c, g, k), *args)

    value, gradient = jax.value_and_grad(loss)(jnp.zeros(2))
    curvature = jnp.diag(jax.hessian(loss)(jnp.zeros(2)))
    assert np.all(np.abs(np.asarray(gradient)) < 0.02 * np.asarray(curvature))
    assert float(value) < min(float(loss(jnp.array(one))) for one in ([0.1, 0.0], [-0.1, 0.0], [0.0, 0.1], [0.0, -0.1]))


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_trains_both_networks(accumulate: int) -> None:
    experiment = loads(LEARNED, [f"train.accumulate={accumulate}", "objective.prediction=v"])
    program = compile(experiment, autoencoder=loads(AUTOENCODER))
    assert isinstance(program, Staged)
    key = jax.random.key(0)
    weights = program.autoencoder.init(key).parameters
    code = program.autoencoder.latent_shape
    frozen = Frozen(weights, np.zeros(SHAPE), np.zeros(code), np.ones(code), np.ones(()), np.ones(()))
    ones = np.ones(SHAPE, np.float32)
    statistics = Statistics(0 * ones, np.zeros((0, 0)), ones, np.ones(2), frozen=program.pack(frozen))
    statistics = Statistics(*(jnp.asarray(a, jnp.float32) for a in statistics))
    unpacked = program.unpack(statistics.frozen)
    assert all(jax.tree.leaves(jax.tree.map(lambda a, b: bool((a == b).all()), unpacked.weights, weights)))
    state = program.init(key)
    batch = {"pixels": jax.random.normal(jax.random.key(1), (32, *SHAPE))}
    gradient = jax.jit(jax.grad(program.loss))(state.parameters, key, batch, statistics)
    heads = [network["head"]["kernel"] for network in gradient["network"]["networks"].values()]
    assert [head.shape[-1] for head in heads] == [2, 3]
    assert all(float(jnp.abs(head).max()) > 0 for head in heads)
    after, metrics = program.train_step(state, batch, statistics)
    assert np.isfinite(metrics["loss"])
    drawn = program.drawing(loads(LEARNED + "\n        sample: [{name: s, sampler: {kind: ddim, steps: 3}}]").sample[0])
    arrays = drawn(after.ema, statistics, key, program.at(), {}, count=2)
    assert {name: array.shape for name, array in arrays.items()} == {"images": (2, *SHAPE), "codes": (2, *code)}
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_transformers_labels_and_guidance_are_those_of_any_model() -> None:
    """On shapes alone: an image is drawn from noise under a label, by a transformer for each half."""
    changes = [
        "data.source={kind: digits}",
        "network={kind: dit, patch: 2, width: 8, depth: 1, heads: 1, labels: true, grids: separate}",
        "network.label_dropout=0.1",
        "sample=[{name: s, guidance: 2, sampler: {kind: ddim, steps: 3}}]",
    ]
    program = compile(
        loads(LEARNED, changes), classes=10, autoencoder=loads(AUTOENCODER, ["data.source={kind: digits}"])
    )
    calls = {call.name: call for call in programs(program, 10)}
    assert set(calls) == {"init", "train", "sample/s"}
    drawn = jax.eval_shape(lambda *a: calls["sample/s"].function(*a, count=64), *calls["sample/s"].arguments)
    assert {name: one.shape for name, one in drawn.items()} == {"images": (64, 8, 8, 1), "codes": (64, 4, 4, 3)}
    after, _ = jax.eval_shape(calls["train"].function, *calls["train"].arguments)
    assert jax.tree.map(lambda a: a.shape, after) == jax.tree.map(lambda a: a.shape, calls["train"].arguments[0])


# ── what it refuses ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["design.basis={kind: haar, levels: 1}"], "`design.basis.kind`: components of the haar basis"),
        (["network.grids=shared"], "`network.grids`"),
        (["evaluate=[{name: nll, kind: bound}]"], "`evaluate.0.kind`: no bound goes through"),
        (["sample=[{name: s, sampler: {kind: dpm, steps: 3}}]"], "take `ancestral` or `ddim`"),
        (["network.multipliers=[1]"], "needs more than 1 levels"),
        (["train.batch_size=33"], "cannot divide a batch of 33"),
    ],
)
def test_what_does_not_suit_is_refused(changes: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compile(loads(LEARNED, changes), autoencoder=loads(AUTOENCODER))


def test_the_autoencoder_must_be_known() -> None:
    with pytest.raises(ValueError, match="nowhere has no spec of an autoencoder yet"):
        compile(loads(LEARNED))
    with pytest.raises(ValueError, match="is no autoencoder"):
        compile(loads(LEARNED), autoencoder=loads(LEARNED, ["design.segments=off"]))


@pytest.mark.slow
def test_ancestral_sampling_is_ddim_with_all_its_noise() -> None:
    """The two updates, which `moving_step` takes as they are, agree on moving images too."""
    exact = Exact(linear(), covariance())
    program, statistics = staged(exact.coder, exact.cov)
    pair = replace(program, denoiser=exact.denoiser).pair({}, statistics)
    chi, times = jax.random.normal(jax.random.key(5), (3, *SHAPE)), jnp.linspace(TURNING, 0, 6)
    one, two = (
        walk(
            moving_step(method, TURNING), lambda c, g: pair.moving(c, g, {}), pair.images, chi,
            jax.random.key(0), {}, times,
        )[0]
        for method in (ancestral_step(), ddim_step(1.0))
    )  # fmt: skip
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_an_image_moves_where_its_noise_rests() -> None:
    """With a constant γ and no noise, α r is what all steps add together."""

    class Resting:
        def gamma(self, t: Array, parameters: object) -> Array:
            return jnp.full((1, *SHAPE), -2.0)

    def denoise(chi: Array, gamma: Array) -> Array:
        return jnp.concatenate([jnp.zeros_like(chi), jnp.full_like(chi, 0.3)], axis=-1)

    times, chi = jnp.linspace(TURNING, 0, 6), jnp.ones((2, *SHAPE))
    end, _ = walk(moving_step(ddim_step(0.0), TURNING), denoise, Resting(), chi, jax.random.key(0), {}, times)
    np.testing.assert_allclose(end, 1 + 0.3 / np.sqrt(1 + np.exp(-2)), rtol=1e-6)
