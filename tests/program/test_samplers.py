"""One step of each sampler against independent NumPy, and the laws between samplers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.program import samplers

RNG = np.random.default_rng(0)
CHI, EPSILON, NOISE = RNG.normal(size=(3, 2, 4, 4, 1))
GAMMA_T = RNG.uniform(-4, 4, size=(1, 4, 4, 1))
GAMMA_S = GAMMA_T - RNG.uniform(0.1, 1, size=GAMMA_T.shape)


def take(step: samplers.Step) -> np.ndarray:
    arguments = (jnp.asarray(a, jnp.float32) for a in (CHI, GAMMA_T, GAMMA_S, NOISE))
    return np.asarray(step(lambda chi, gamma: jnp.asarray(EPSILON, jnp.float32), *arguments))


def coefficients(gamma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    variance = 1 / (1 + np.exp(-gamma))
    return np.sqrt(1 - variance), np.sqrt(variance)


def test_ancestral_is_the_posterior_of_ddpm() -> None:
    """arXiv:2006.11239, eqs. (6)–(7): q(x_s | x_t, x_0) with β = 1 − α_t²/α_s² and x_0 from ε."""
    (a_t, s_t), (a_s, s_s) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    clean = (CHI - s_t * EPSILON) / a_t
    beta = 1 - (a_t / a_s) ** 2
    mean = (a_s * beta * clean + (a_t / a_s) * s_s**2 * CHI) / s_t**2
    expected = mean + np.sqrt(s_s**2 / s_t**2 * beta) * NOISE
    np.testing.assert_allclose(take(samplers.ancestral_step), expected, atol=2e-5)


@pytest.mark.parametrize("eta", [0.0, 0.3, 1.0])
def test_ddim_is_the_published_update(eta: float) -> None:
    """arXiv:2010.02502, eqs. (12) and (16)."""
    (a_t, s_t), (a_s, _) = coefficients(GAMMA_T), coefficients(GAMMA_S)
    clean = (CHI - s_t * EPSILON) / a_t
    spread = eta * np.sqrt((1 - a_s**2) / (1 - a_t**2)) * np.sqrt(1 - a_t**2 / a_s**2)
    expected = a_s * clean + np.sqrt(1 - a_s**2 - spread**2) * EPSILON + spread * NOISE
    np.testing.assert_allclose(take(samplers.ddim_step(eta)), expected, atol=2e-5)


def test_ddim_with_eta_one_is_ancestral() -> None:
    np.testing.assert_allclose(take(samplers.ddim_step(1.0)), take(samplers.ancestral_step), atol=2e-5)


def test_euler_maruyama_is_the_reverse_sde() -> None:
    """−dχ = (½βχ + β s) dt + √β dw with s = −ε/σ and β dt = σ²Δγ."""
    _, s_t = coefficients(GAMMA_T)
    beta = s_t**2 * (GAMMA_T - GAMMA_S)
    expected = CHI + 0.5 * beta * CHI - beta * EPSILON / s_t + np.sqrt(beta) * NOISE
    np.testing.assert_allclose(take(samplers.euler_maruyama_step), expected, atol=2e-5)


def test_euler_is_the_probability_flow() -> None:
    """dχ/dt = −½β(χ + s), GUD eq. (25)."""
    _, s_t = coefficients(GAMMA_T)
    beta = s_t**2 * (GAMMA_S - GAMMA_T)
    expected = CHI - 0.5 * beta * (CHI - EPSILON / s_t)
    np.testing.assert_allclose(take(samplers.euler_step), expected, atol=2e-5)


def test_frozen_components_stay_to_the_bit() -> None:
    """On a sequential path only the last column is active near t = 0: even a step that moves all moves no other."""
    import gudspec
    from gudspec.program.design import Statistics
    from gudspec.spec.load import loads

    program = gudspec.compile(
        loads("""
            gudspec: 1
            name: frozen
            data: {source: {kind: gaussian_field, size: 4}}
            design: {schedule: {kind: sequential, inverse_softness: 0.8, gamma: {min: -8, max: 5}}}
        """)
    )
    ones = np.ones((4, 4, 1), np.float32)
    process = program.process(Statistics(0 * ones, np.zeros((0, 0)), ones, np.ones(2)))
    walk = samplers._walk(
        lambda denoise, chi, gamma_t, gamma_s, noise: chi + denoise(chi, gamma_t),
        lambda chi, gamma: jnp.ones_like(chi),
        process,
        jnp.asarray(CHI, jnp.float32),
        jax.random.key(0),
        program.at(),
        jnp.array([0.15, 0.1, 0.05, 0.0]),
    )
    changed = np.asarray(walk) != CHI.astype(np.float32)
    assert not changed[:, :, :3].any()
    assert changed[:, :, 3].all()
