"""One step of each sampler against independent NumPy, and the laws between samplers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process.process import Process
from gudspec.program import steps
from gudspec.program.design import Statistics
from gudspec.program.program import Program
from gudspec.program.samplers import sample, walk
from gudspec.program.stretches import Stretch
from gudspec.spec.load import loads
from gudspec.spec.models import samplers

RNG = np.random.default_rng(0)
CHI, EPSILON, NOISE, *MEMORY = RNG.normal(size=(5, 2, 4, 4, 1))
GAMMA_T = RNG.uniform(-4, 4, size=(1, 4, 4, 1))
GAMMA_S = GAMMA_T - RNG.uniform(0.1, 1, size=GAMMA_T.shape)


def denoise(chi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    """Anything that depends on both, non-linearly; NumPy and JAX."""
    return np.asarray(EPSILON, chi.dtype) + 0.1 * chi * chi + 0.05 * gamma


def take(method: steps.Method, *ratios: float) -> np.ndarray:
    chi, gamma_t, gamma_s, noise, memory = (
        jnp.asarray(a, jnp.float32) for a in (CHI, GAMMA_T, GAMMA_S, NOISE[None].repeat(2, 0), MEMORY)
    )
    move = steps.Move(gamma_t, gamma_s, jnp.array([*ratios, 0.0, 0.0][:2], jnp.float32), jnp.float32(0))
    return np.asarray(method.step(denoise, chi, memory, move, noise)[0])


def coefficients(gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    variance = 1 / (1 + np.exp(-gamma))
    return np.sqrt(1 - variance), np.sqrt(variance)


def score(chi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
    return -denoise(chi, gamma) / coefficients(gamma)[1]


def clean() -> np.ndarray:
    a, s = coefficients(GAMMA_T)
    return (CHI - s * denoise(CHI, GAMMA_T)) / a


def close(measured: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(measured, expected, rtol=1e-5, atol=1e-5)


def test_ancestral_is_the_posterior_of_ddpm() -> None:
    """arXiv:2006.11239, eqs. (6)–(7): q(x_s | x_t, x_0) with β = 1 − α_t²/α_s² and x_0 from ε."""
    (a_t, s_t), (a_s, s_s) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    beta = 1 - (a_t / a_s) ** 2
    mean = (a_s * beta * clean() + (a_t / a_s) * s_s**2 * CHI) / s_t**2
    close(take(steps.ancestral_step()), mean + np.sqrt(s_s**2 / s_t**2 * beta) * NOISE)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_is_the_published_update(eta: float) -> None:
    """arXiv:2010.02502, eqs. (12) and (16)."""
    (a_t, _), (a_s, _) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    spread = eta * np.sqrt((1 - a_s**2) / (1 - a_t**2)) * np.sqrt(1 - a_t**2 / a_s**2)
    direction = np.sqrt(1 - a_s**2 - spread**2) * denoise(CHI, GAMMA_T)
    close(take(steps.ddim_step(eta)), a_s * clean() + direction + spread * NOISE)


def test_ddim_with_eta_one_is_ancestral() -> None:
    close(take(steps.ddim_step(1.0)), take(steps.ancestral_step()))


def test_euler_maruyama_is_the_reverse_sde() -> None:
    """−dχ = (½βχ + β s) dt + √β dw with β dt = σ²Δγ (GUD, eq. 10)."""
    _, s_t = coefficients(GAMMA_T)
    beta = s_t**2 * (GAMMA_T - GAMMA_S)
    close(
        take(steps.euler_maruyama_step()), CHI + 0.5 * beta * CHI + beta * score(CHI, GAMMA_T) + np.sqrt(beta) * NOISE
    )


def test_stochastic_heun_averages_two_drifts() -> None:
    def drift(chi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        return coefficients(gamma)[1] ** 2 * (0.5 * chi + score(chi, gamma))

    change = GAMMA_T - GAMMA_S
    kick = np.sqrt(np.log((1 + np.exp(GAMMA_T)) / (1 + np.exp(GAMMA_S)))) * NOISE
    first = drift(CHI, GAMMA_T)
    second = drift(CHI + change * first + kick, GAMMA_S)
    close(take(steps.stochastic_heun_step()), CHI + 0.5 * change * (first + second) + kick)


@pytest.mark.parametrize("order", [1, 2])
def test_ode_steps_are_the_probability_flow(order: int) -> None:
    """dχ/dt = −½β(χ + s), GUD eq. (25), by Euler's and by Heun's method."""

    def slope(chi: np.ndarray, gamma: np.ndarray) -> np.ndarray:
        return -0.5 * coefficients(gamma)[1] ** 2 * (chi + score(chi, gamma))

    change = GAMMA_S - GAMMA_T
    first = slope(CHI, GAMMA_T)
    second = slope(CHI + change * first, GAMMA_S) if order == 2 else first
    close(take((steps.euler_step, steps.heun_step)[order - 1]()), CHI + 0.5 * change * (first + second))


@pytest.mark.parametrize("ratio", [0.0, 0.7, 1.0])
def test_dpm_is_the_published_update(ratio: float) -> None:
    """arXiv:2211.01095, Alg. 2, with h_i / h_(i−1) = ratio; without a step before, its first."""
    (a_t, s_t), (a_s, s_s) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    h = np.log(a_s / s_s) - np.log(a_t / s_t)
    if ratio:
        r = 1 / ratio  # the paper's r_i = h_(i−1) / h_i
        data = (1 + 1 / (2 * r)) * clean() - 1 / (2 * r) * MEMORY[0]
    else:
        data = clean()
    close(take(steps.dpm_step(2), ratio), s_s / s_t * CHI - a_s * (np.exp(-h) - 1) * data)


@pytest.mark.parametrize(("ratios", "degree"), [((0.0, 0.0), 0), ((0.7, 0.0), 1), ((0.7, 1.2), 2)])
def test_dpm_of_order_3_is_exact_for_a_parabola(ratios: tuple[float, float], degree: int) -> None:
    """χ/σ grows by ∫ e^λ x̂ dλ, here by Gauss–Legendre, x̂ being the polynomial through the last estimates."""
    (_, s_t), (a_s, s_s) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    h, now = -0.5 * (GAMMA_S - GAMMA_T), clean()
    lengths = [1 / ratios[0] if ratios[0] else 0.0, 1 / (ratios[0] * ratios[1]) if ratios[1] else 0.0]
    values = [now, *MEMORY][: degree + 1]
    places = -np.cumsum([0.0, *lengths])[: degree + 1]  # in units of h

    def estimate(share: float) -> np.ndarray:  # Lagrange's polynomial
        others = [[(share - q) / (p - q) for q in places if q != p] for p in places]
        return sum(np.prod(other) * value for other, value in zip(others, values, strict=True))

    nodes, weights = np.polynomial.legendre.leggauss(12)
    integral = sum(
        0.5 * w * h * np.exp(-h * (1 - (x + 1) / 2)) * estimate((x + 1) / 2)
        for x, w in zip(nodes, weights, strict=True)
    )
    close(take(steps.dpm_step(3), *ratios), s_s / s_t * CHI + a_s * integral)


def test_a_corrector_takes_langevin_steps() -> None:
    """arXiv:2011.13456, Alg. 4: x + e s(x) + √(2e) z, with its e for a score of the length that it should have."""
    _, s_s = coefficients(GAMMA_S)
    predicted = take(steps.ancestral_step()).astype(np.float64)
    e = 2 * (0.1 * s_s) ** 2
    expected = predicted + e * score(predicted, GAMMA_S) + np.sqrt(2 * e) * NOISE
    close(take(steps.langevin(steps.ancestral_step(), 1, 0.1)), expected)


COLUMNS = "{kind: sequential, inverse_softness: 0.8, gamma: {min: -8, max: 5}}"


def program_and_process(schedule: str, extra: str = "") -> tuple[Program, Process]:
    import gudspec

    program = gudspec.compile(
        loads(f"""
            gudspec: 1
            name: frozen
            data: {{source: {{kind: gaussian_field, size: 4}}}}
            design: {{schedule: {schedule}}}
            {extra}
        """)
    )
    ones = np.ones((4, 4, 1), np.float32)
    return program, program.process(Statistics(0 * ones, np.zeros((0, 0)), ones, np.ones(2)))


def test_frozen_components_stay_to_the_bit() -> None:
    """On a sequential path only the last column is active near t = 0: even a step that moves all moves no other."""
    program, process = program_and_process(COLUMNS)
    method = steps.Method(lambda denoise, chi, memory, move, noise: (chi + denoise(chi, move.gamma_t), memory))
    result, _ = walk(
        method,
        lambda chi, gamma: jnp.ones_like(chi),
        process,
        jnp.asarray(CHI, jnp.float32),
        jax.random.key(0),
        program.at(),
        jnp.array([0.15, 0.1, 0.05, 0.0]),
    )
    changed = np.asarray(result) != CHI.astype(np.float32)
    assert not changed[:, :, :3].any()
    assert changed[:, :, 3].all()


@pytest.mark.parametrize(("kind", "eta"), [("ddim", 0.0), ("ddim", 1.0), ("ancestral", 1.0)])
def test_a_whole_walk_is_that_of_numpy(kind: str, eta: float) -> None:
    """Column by column, in 12 steps, with the published updates in terms of ᾱ: DDIM's eq. (12), DDPM's eqs. (6)–(7)."""
    program, process = program_and_process(COLUMNS)
    count, key = 12, jax.random.key(3)
    sampler = (
        samplers.Ddim(kind="ddim", steps=count, eta=eta)
        if kind == "ddim"
        else samplers.Ancestral(kind=kind, steps=count)
    )
    stretch = Stretch(process, lambda chi, gamma, condition: denoise(chi, gamma))
    found = sample([stretch], jnp.asarray(0.3 * CHI, jnp.float32), key, program.at(), {}, sampler)
    chi = 0.3 * CHI
    for index in range(count):
        now, then = (
            1 / (1 + np.exp(np.asarray(process.gamma(np.array([1 - i / count], np.float32), program.at()), float)))
            for i in (index, index + 1)
        )  # ᾱ_t and ᾱ_s
        noise = np.asarray(jax.random.normal(jax.random.fold_in(key, index), (1, *CHI.shape)), float)[0]
        epsilon = denoise(chi, np.log(1 / now - 1))
        estimate = (chi - np.sqrt(1 - now) * epsilon) / np.sqrt(now)
        if kind == "ddim":
            spread = eta * np.sqrt((1 - then) / (1 - now)) * np.sqrt(1 - now / then)
            moved = np.sqrt(then) * estimate + np.sqrt(1 - then - spread**2) * epsilon + spread * noise
        else:
            beta = 1 - now / then
            mean = (np.sqrt(then) * beta * estimate + np.sqrt(1 - beta) * (1 - then) * chi) / (1 - now)
            moved = mean + np.sqrt((1 - then) / (1 - now) * beta) * noise
        chi = np.where(now == then, chi, moved)
    np.testing.assert_allclose(found, chi, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_frame_is_what_is_drawn(count: int) -> None:
    program, process = program_and_process("{kind: cosine, gamma: {min: -8, max: 5}}")
    chi = jnp.asarray(CHI, jnp.float32)
    times = jnp.linspace(1, 0, 9)
    arguments = (steps.ddim_step(0.0), denoise, process, chi, jax.random.key(0), program.at(), times)
    drawn, _ = walk(*arguments)
    frames = walk(*arguments, (jnp.broadcast_to(chi, (count, *chi.shape)), 1.0, 0.0))[1]
    assert frames is not None
    np.testing.assert_allclose(frames[-1], drawn, rtol=1e-5)
    if count > 1:
        np.testing.assert_array_equal(frames[0], chi)
        assert not np.allclose(frames[-1], chi, rtol=0.1)


def test_an_adaptive_solver_that_gives_up_says_so() -> None:
    """With tolerances below what float32 resolves, no step is ever accepted."""
    program, process = program_and_process("{kind: cosine, gamma: {min: -8, max: 5}}")
    stretch = Stretch(process, lambda chi, gamma, condition: jnp.tanh(chi))
    chi = jnp.asarray(CHI, jnp.float32)
    for tolerance, finite in ((1e-3, True), (1e-14, False)):
        sampler = samplers.Ode(kind="ode", rtol=tolerance, atol=tolerance)
        drawn = sample([stretch], chi, jax.random.key(0), program.at(), {}, sampler)
        assert np.isfinite(drawn).all() == finite


@pytest.mark.parametrize("order", [2, 3])
def test_repeated_times_change_nothing(order: int) -> None:
    """A time that is there twice is a step of length 0: no evaluation, and the memory stays that of the last step."""
    program, process = program_and_process("{kind: cosine, gamma: {min: -8, max: 5}}")
    once = jnp.linspace(1, 0, 9)
    twice = jnp.sort(jnp.concatenate([once, once[2:5]]), descending=True)
    arguments = (process, jnp.asarray(CHI, jnp.float32), jax.random.key(0), program.at())
    results = [np.asarray(walk(steps.dpm_step(order), denoise, *arguments, times)[0]) for times in (once, twice)]
    np.testing.assert_allclose(results[0], results[1], rtol=1e-6, atol=1e-6)
