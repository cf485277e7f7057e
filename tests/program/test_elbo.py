"""The bound of autoencoders, and the one of images through their latents, against a linear Gaussian model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gudspec
from gudspec.data.encoded import Encoded
from gudspec.data.source import Images
from gudspec.program.autoencoder import Autoencoder
from gudspec.program.elbo import Code, divergence, log_normal, negative_elbo, remainder
from gudspec.program.keys import root
from gudspec.spec.load import loads

pytestmark = pytest.mark.usefixtures("compiled_fast")

PIXELS, LATENTS = 6, 2
DEVIATION = 0.4
COUNT = 40_000


class Linear:
    """x = W z + s ε with orthogonal columns W: the posterior of z is N(A x, diag), and can be encoded exactly."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        directions = np.linalg.qr(random.normal(size=(PIXELS, LATENTS)))[0]
        self.weight = directions * np.array([1.3, 0.6])
        self.covariance = self.weight @ self.weight.T + DEVIATION**2 * np.eye(PIXELS)
        precision = 1 + (self.weight**2).sum(0) / DEVIATION**2
        self.variance = 1 / precision
        self.gain = self.variance[:, None] * self.weight.T / DEVIATION**2
        z = random.normal(size=(COUNT, LATENTS))
        x = z @ self.weight.T + DEVIATION * random.normal(size=(COUNT, PIXELS))
        self.images = jnp.asarray(x.reshape(COUNT, PIXELS, 1, 1), jnp.float32)

    def code(self, off: float = 0.0) -> Code:
        """The posterior, its mean shifted by `off`."""
        mean = self.images.reshape(COUNT, PIXELS) @ self.gain.T + off
        shape = (COUNT, LATENTS, 1, 1)
        return Code(mean.reshape(shape), jnp.broadcast_to(np.log(self.variance)[:, None, None], shape))

    def decode(self, latents):
        mean = latents.reshape(len(latents), LATENTS) @ self.weight.T
        return mean.reshape(len(latents), PIXELS, 1, 1), jnp.log(DEVIATION)

    def log_density(self) -> np.ndarray:
        """log p(x), [n]."""
        x = np.asarray(self.images, float).reshape(COUNT, PIXELS)
        quadratic = (x * np.linalg.solve(self.covariance, x.T).T).sum(1)
        return -0.5 * (quadratic + np.linalg.slogdet(2 * np.pi * self.covariance)[1])


MODEL = Linear()


def test_with_the_exact_posterior_it_is_the_likelihood() -> None:
    code = MODEL.code()
    drawn = [negative_elbo(MODEL.images, code, code.sample(jax.random.key(k)), MODEL.decode) for k in range(8)]
    assert abs(float(np.mean(drawn)) + MODEL.log_density().mean()) < 5e-3


@pytest.mark.parametrize("off", [0.2, 0.5])
def test_elsewhere_it_is_above_by_the_divergence_of_the_posterior(off: float) -> None:
    code = MODEL.code(off)
    drawn = [negative_elbo(MODEL.images, code, code.sample(jax.random.key(k)), MODEL.decode) for k in range(8)]
    slack = 0.5 * (off**2 / MODEL.variance).sum()  # KL of two Gaussians of equal variance
    assert abs(float(np.mean(drawn)) + MODEL.log_density().mean() - slack) < 1e-2


def test_divergence_is_that_of_gaussians() -> None:
    code = Code(jnp.full((1, 1, 1, 2), 0.7), jnp.log(jnp.full((1, 1, 1, 2), 0.3)))
    z = code.sample(jax.random.key(0))
    assert code.log_density(z).shape == (1,)
    many = Code(*(jnp.broadcast_to(part, (COUNT, 1, 1, 2)) for part in code))
    z = many.sample(jax.random.key(1))
    estimate = (many.log_density(z) - log_normal(z, 0.0, 0.0)).mean()
    assert abs(float(estimate) - float(divergence(code)[0])) < 0.02
    assert abs(float(divergence(code)[0]) - (0.7**2 + 0.3 - 1 - np.log(0.3))) < 1e-5


def test_latents_bound_the_likelihood_of_images() -> None:
    """With the density of the aggregate posterior and the exact one of each image the bound is tight; else above."""
    code = MODEL.code()
    z = code.sample(jax.random.key(2))
    rest = np.asarray(remainder(MODEL.images, code, z, MODEL.decode), float)
    latents = np.asarray(z, float).reshape(COUNT, LATENTS)
    encoded = Encoded("", "", "", (PIXELS, 1, 1), None, 0, sampled=True)
    entropy = -MODEL.log_density().mean() / (PIXELS * np.log(2))

    def bound(deviation: float) -> np.ndarray:
        """Of the density N(0, deviation²) of the latents, whose true one is N(0, 1)."""
        log_p = -0.5 * ((latents / deviation) ** 2 + np.log(2 * np.pi)).sum(1) - LATENTS * np.log(deviation)
        bits = -log_p / (LATENTS * np.log(2))
        return encoded.bits_of_images(bits, Images(np.asarray(z), remainder=rest))

    assert abs(bound(1.0).mean() - entropy) < 5e-3
    wrong = LATENTS * (np.log(1.5) + 0.5 / 1.5**2 - 0.5) / (PIXELS * np.log(2))  # KL(N(0, 1) ‖ N(0, 1.5²))
    assert abs(bound(1.5).mean() - entropy - wrong) < 5e-3
    quantized = Encoded("", "", "", (PIXELS, 1, 1), 256, 0, sampled=True)
    images = Images(np.asarray(z), remainder=rest)
    assert np.allclose(
        quantized.bits_of_images(np.zeros(COUNT), images), encoded.bits_of_images(np.zeros(COUNT), images) + 7
    )


TEXT = """
gudspec: 1
name: autoencoder
data: {source: {kind: digits}}
objective: {kind: elbo}
network: {kind: autoencoder, channels: 4, multipliers: [1, 2], latents: 3}
train: {steps: 40, batch_size: 32, ema: 0.5, optimizer: {learning_rate: 0.01}}
"""


@pytest.fixture(scope="module")
def program() -> Autoencoder:
    compiled = gudspec.compile(loads(TEXT))
    assert isinstance(compiled, Autoencoder)
    return compiled


def batch(count: int = 32) -> dict[str, np.ndarray]:
    from gudspec.data import open_source

    return {"pixels": open_source(loads(TEXT).data.source).train.pixels[:count]}


def statistics(program: Autoencoder):
    from gudspec.program.design import Statistics

    mean = np.full(program.shape, -0.4, np.float32)
    return Statistics(mean, np.zeros((0, 0), np.float32), np.ones_like(mean), np.ones(2, np.float32))


def test_training_lowers_the_bound_and_is_repeatable(program: Autoencoder) -> None:
    known, pixels = statistics(program), batch()

    def train() -> tuple[list[float], object]:
        state, losses = program.init(root(0)), []
        for _ in range(40):
            state, metrics = program.train_step(state, pixels, known)
            losses.append(float(metrics["loss"]))
        return losses, state

    first, state = train()
    again, _ = train()
    assert first == again
    assert np.mean(first[-5:]) < np.mean(first[:5]) - 0.2
    code = program.encode(state.ema, known, pixels, jax.random.key(0))
    assert code.mean.shape == code.sample.shape == (32, *program.latent_shape) == (32, 4, 4, 3)
    images = program.decode(state.ema, known, code.mean)
    assert images.shape == (32, 8, 8, 1)
    original = 2 * (pixels["pixels"] + 0.5) / 17 - 1
    assert np.mean((images - original) ** 2) < 0.9 * np.mean((original.mean(0) - original) ** 2)


def test_its_bound_through_latents_is_its_own(program: Autoencoder) -> None:
    """With N(0, 1) for the density of the latents both forms of the bound agree, up to the noise of z."""
    from gudspec.spec.models.results import Bound

    known, pixels = statistics(program), batch(1024)
    state = program.init(root(0))
    spec = Bound(name="elbo", kind="bound", times=16)
    direct = program.evaluation(spec)(state.ema, known, pixels, jax.random.key(0), {}).mean()
    encoded, values = Encoded("", "", "", program.shape, program.levels, 10, sampled=True), []
    for draw in range(16):
        found = program.encode(state.ema, known, pixels, jax.random.key(draw))
        bits = -np.asarray(log_normal(found.sample, 0.0, 0.0)) / (found.sample[0].size * np.log(2))
        images = Images(np.asarray(found.sample), remainder=np.asarray(found.remainder, float))
        values.append(encoded.bits_of_images(bits, images).mean())
    assert abs(float(direct) - np.mean(values)) < 4 * np.std(values) / 16**0.5 + 0.01
    assert np.std(values) < 0.2


def test_parts_of_a_batch_have_the_gradient_of_the_whole(program: Autoencoder) -> None:
    parts = gudspec.compile(loads(TEXT, ["train.accumulate=4"]))
    known, pixels, state = statistics(program), batch(), program.init(root(0))
    whole, _ = program.train_step(program.init(root(0)), pixels, known)
    pieces, _ = parts.train_step(state, pixels, known)
    for one, two in zip(jax.tree.leaves(whole.parameters), jax.tree.leaves(pieces.parameters), strict=True):
        np.testing.assert_allclose(one, two, atol=2e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("network={kind: unet}", "need each other"),
        ("objective={kind: denoising}", "need each other"),
        ("network.multipliers=[1, 1, 1, 1, 1]", "halves the images 4 times"),
    ],
)
def test_what_cannot_be_compiled_is_said(change: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gudspec.compile(loads(TEXT, [change]))
