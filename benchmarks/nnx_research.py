"""The common research loop for GUD (arXiv:2410.02667): flax NNX, complex Fourier transforms, diffrax for sampling.

Written from the paper and from what such code is made of: quantities know in which basis they are, and are converted
whenever another one is asked for. The design is the quickstart's in the Fourier basis with a white prior, predictions
preconditioned as in EDM (arXiv:2206.00364), β dt = σ² dγ.
"""

from dataclasses import dataclass
from functools import partial

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np
import optax
from flax import nnx

LOW, HIGH = 0.8, 1.2  # range of the inverse softness a
DENOISE, NOISE = -7.0, 3.0


@partial(jax.tree_util.register_dataclass, data_fields=["values"], meta_fields=["space"])
@dataclass
class Field:
    """Images [b, H, W, C], or their complex Fourier components: whichever is asked for is computed."""

    values: jax.Array
    space: str

    @property
    def image(self):
        if self.space == "image":
            return self.values
        return jnp.fft.ifft2(self.values, axes=(1, 2), norm="ortho").real

    @property
    def fourier(self):
        if self.space == "fourier":
            return self.values
        return jnp.fft.fft2(self.values, axes=(1, 2), norm="ortho")

    def filtered(self, by):
        return Field(by * self.fourier, "fourier")


class Schedule:
    """γ of every Fourier component, from their variances [H, W, C] (eqs. 20 and 21)."""

    def __init__(self, variance):
        self.variance = variance
        height, width, colors = variance.shape
        place = np.arange(height * width).reshape(height, width)
        pairs = np.minimum(place, np.roll(place[::-1, ::-1], 1, (0, 1)))[:, :, None] * colors + np.arange(colors)
        self.tokens = np.unique(pairs, return_index=True)[1]  # k and −k share γ: one token
        k = np.hypot(*np.meshgrid(np.fft.fftfreq(height, 1 / height), np.fft.fftfreq(width, 1 / width), indexing="ij"))
        label = np.repeat(k.reshape(-1), colors)[self.tokens]
        self.labels = 2 * (label - label.min()) / (label.max() - label.min()) - 1

    def ends(self, a):
        log = jnp.log(self.variance)
        return DENOISE + log + a * (log.min() - log), NOISE + log + a * (log.max() - log)

    def gamma(self, t, a):
        start, stop = self.ends(a)
        return start + (stop - start) * t

    def beta(self, t, a):
        start, stop = self.ends(a)
        return jax.nn.sigmoid(self.gamma(t, a)) * (stop - start)

    def alpha(self, gamma):
        return jnp.sqrt(jax.nn.sigmoid(-gamma))

    def sigma(self, gamma):
        return jnp.sqrt(jax.nn.sigmoid(gamma))


def predicted_noise(model, schedule, noised, gamma):
    """ε̂ from a noised field and γ [b, H, W, C]."""
    alpha, sigma, variance = schedule.alpha(gamma), schedule.sigma(gamma), schedule.variance
    total = alpha**2 * variance + sigma**2
    state = gamma.reshape(len(gamma), -1)[:, schedule.tokens] / 8
    tokens = jnp.stack([state, jnp.broadcast_to(schedule.labels, state.shape)], axis=-1)
    output = Field(model(noised.image / jnp.sqrt(total.mean((1, 2, 3), keepdims=True)), tokens), "image")
    kept, added = noised.filtered(sigma / total), output.filtered(alpha * jnp.sqrt(variance / total))
    return Field(kept.fourier + added.fourier, "fourier")


def loss_of(model, schedule, images, t, a, noise):
    """Mean of |ε̂ − ε|² over the components of centred images; the noise is drawn as an image."""
    images, noise = Field(images, "image"), Field(noise, "image")
    gamma = schedule.gamma(t[:, None, None, None], a)
    clean, drawn = images.filtered(schedule.alpha(gamma)), noise.filtered(schedule.sigma(gamma))
    noised = Field(clean.fourier + drawn.fourier, "fourier")
    return jnp.mean(jnp.abs(predicted_noise(model, schedule, noised, gamma).fourier - noise.fourier) ** 2)


def train_step(schedule, levels, mean, decay):
    """(model, optimizer, averaged model, key, pixels) → loss; all models change in place."""

    @nnx.jit
    def step(model, optimizer, averaged, key, pixels):
        keys = jax.random.split(key, 4)
        images = (pixels + jax.random.uniform(keys[0], pixels.shape)) * (2 / levels) - 1 - mean
        t = jax.random.uniform(keys[1], (len(pixels),))
        a = jax.random.uniform(keys[2], minval=LOW, maxval=HIGH)
        noise = jax.random.normal(keys[3], images.shape)
        loss, gradient = nnx.value_and_grad(loss_of)(model, schedule, images, t, a, noise)
        optimizer.update(model, gradient)
        average = optax.incremental_update(nnx.state(model), nnx.state(averaged), 1 - decay)
        nnx.update(averaged, average)
        return loss

    return step


def reverse_drift(model, schedule, image, t, a):
    """Drift of the reverse SDE (eq. 10) at an image, −½βφ − β∇log p with ∇log p = −ε̂/σ."""
    here = Field(image, "image")
    gamma = jnp.broadcast_to(schedule.gamma(t, a), image.shape)
    score = predicted_noise(model, schedule, here, gamma).filtered(-1 / schedule.sigma(gamma))
    beta = schedule.beta(t, a)
    return -here.filtered(0.5 * beta).image - score.filtered(beta).image


def noise_filter(schedule, noise, t, a):
    """White noise, as an image, as the SDE adds it: √β dw."""
    return Field(noise, "image").filtered(jnp.sqrt(schedule.beta(t, a))).image


def sampler(model, schedule, mean, steps):
    """(key, count, a) → images, by Euler's method on the reverse SDE."""
    graph, parameters = nnx.split(model)

    def drift(t, image, args):
        parameters, a = args
        return reverse_drift(nnx.merge(graph, parameters), schedule, image, t, a)

    def diffusion(t, image, args):
        shape = jax.ShapeDtypeStruct(image.shape, image.dtype)
        return lineax.FunctionLinearOperator(lambda noise: noise_filter(schedule, noise, t, args[1]), shape)

    def sample(key, count, a):
        key_start, key_path = jax.random.split(key)
        start = jax.random.normal(key_start, (count, *mean.shape))
        shape = jax.ShapeDtypeStruct(start.shape, start.dtype)
        path = diffrax.VirtualBrownianTree(0.0, 1.0, tol=0.5 / steps, shape=shape, key=key_path)
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(diffusion, path))
        arguments = (parameters, jnp.float32(a))
        solution = diffrax.diffeqsolve(terms, diffrax.Euler(), 1.0, 0.0, -1 / steps, start, arguments)
        return solution.ys[-1] + mean

    return sample
