"""What the network's output means, and the spaces between network and components."""

import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process import bases
from gudspec.process.groups import Groups
from gudspec.process.noising import alpha, sigma
from gudspec.process.paths import Linear
from gudspec.process.process import Process
from gudspec.program.denoiser import network_denoiser
from gudspec.program.objective import WEIGHTS

SHAPE = (4, 4, 2)
RNG = np.random.default_rng(0)


@pytest.fixture
def process() -> Process:
    scale, variance = RNG.uniform(0.5, 2, size=(2, *SHAPE)).astype(np.float32)
    path = Linear(Groups.single(SHAPE), -5.0, 5.0)
    return Process(bases.Haar(1), jnp.zeros(SHAPE), jnp.asarray(scale), jnp.asarray(variance), path)


@pytest.mark.parametrize("prediction", ["epsilon", "x", "v", "edm"])
def test_a_perfect_network_gives_the_true_noise(process: Process, prediction: str) -> None:
    """Each prediction's target, put into the network's place, comes back as ε."""
    chi, epsilon = RNG.normal(size=(2, 3, *SHAPE)).astype(np.float32)
    gamma = jnp.asarray(RNG.uniform(-3, 3, size=(3, *SHAPE)), jnp.float32)
    a, s = alpha(gamma), sigma(gamma)
    noised = a * chi + s * epsilon
    total = a**2 * process.variance + s**2
    targets = {
        "epsilon": epsilon,
        "x": process.scale * chi,
        "v": a * epsilon - s * chi,
        "edm": (epsilon - s * noised / total) / (a * jnp.sqrt(process.variance / total)),
    }
    image = process.basis.inverse(targets[prediction])
    tokens = Groups.components(SHAPE)
    denoise = network_denoiser(lambda *_: image, process, tokens, jnp.zeros(tokens.count), prediction)
    np.testing.assert_allclose(denoise(noised, gamma, {}), epsilon, atol=2e-4)


def test_the_network_sees_an_image_of_unit_variance_and_the_state(process: Process) -> None:
    seen = {}

    def network(image, tokens, labels):
        seen.update(image=image, tokens=tokens, labels=labels)
        return image

    rng = np.random.default_rng(1)
    chi = rng.normal(size=(20_000, *SHAPE)) * np.sqrt(process.variance)
    gamma = jnp.full((1, *SHAPE), 0.7)
    noised = alpha(gamma) * chi + sigma(gamma) * rng.normal(size=chi.shape)
    tokens = Groups.columns(SHAPE)
    labels = jnp.linspace(-1, 1, 4)
    network_denoiser(network, process, tokens, labels, "epsilon")(noised, gamma, {"labels": jnp.arange(3)})
    assert abs(float(jnp.mean(seen["image"] ** 2)) - 1) < 0.02
    assert seen["tokens"].shape == (1, 4, 2)
    np.testing.assert_allclose(seen["tokens"][0, :, 1], labels)
    np.testing.assert_allclose(seen["tokens"][0, :, 0] * 8, 0.7, rtol=1e-6)
    np.testing.assert_array_equal(seen["labels"], [0, 1, 2])


def test_every_pixel_brings_its_own_state() -> None:
    """As one more channel of the image, in the unit of the tokens; image and tokens are as without."""
    process = Process(
        bases.Pixel(), jnp.zeros(SHAPE), jnp.ones(SHAPE), jnp.ones(SHAPE), Linear(Groups.single(SHAPE), -5.0, 5.0)
    )
    tokens, seen = Groups.pixels(SHAPE), []

    def network(image, tokens, labels):
        seen.append((image, tokens))
        return image[..., : SHAPE[-1]]

    gamma = jnp.asarray(RNG.uniform(-5, 5, size=(1, 4, 4, 1)), jnp.float32) * jnp.ones(SHAPE)
    chi = jnp.asarray(RNG.normal(size=(3, *SHAPE)), jnp.float32)
    for maps in (0, 1):
        network_denoiser(network, process, tokens, jnp.zeros(tokens.count), "epsilon", maps=maps)(chi, gamma, {})
    (plain, state), (image, same) = seen
    np.testing.assert_array_equal(image[..., :-1], plain)
    np.testing.assert_allclose(image[..., -1] * 8, jnp.broadcast_to(gamma[..., 0], (3, 4, 4)), rtol=1e-6)
    np.testing.assert_array_equal(state, same)


def test_weights_turn_the_error_of_the_noise_into_that_of_x_and_v() -> None:
    """With χ fixed, x̂ − x = −(σ/α)(ε̂ − ε) and v̂ − v = (ε̂ − ε)/α."""
    gamma = jnp.asarray(RNG.uniform(-4, 4, size=10), jnp.float32)
    a, s = alpha(gamma), sigma(gamma)
    chi, epsilon, guess = RNG.normal(size=(3, 10)).astype(np.float32)
    noised = a * chi + s * epsilon
    error = (guess - epsilon) ** 2
    x = (noised - s * guess) / a
    np.testing.assert_allclose(WEIGHTS["x"](gamma, gamma) * error, (x - chi) ** 2, rtol=1e-3, atol=1e-5)
    v = (a * guess - s * x) - (a * epsilon - s * chi)
    np.testing.assert_allclose(WEIGHTS["v"](gamma, gamma) * error, v**2, rtol=1e-3, atol=1e-5)
