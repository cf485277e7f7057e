"""What the spec of an autoencoder compiles to: `Program`, as far as a runner needs it, and encoding and decoding."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from gudspec.network.autoencoder import Autoencoder as Network
from gudspec.network.created import Created
from gudspec.process.arrays import Array
from gudspec.process.dequantize import bits_offset
from gudspec.program.accumulate import rows
from gudspec.program.design import Design, Shape, Statistics
from gudspec.program.elbo import Code, negative_elbo, remainder
from gudspec.program.keys import fold
from gudspec.program.pixels import images_of, mirrored
from gudspec.program.train import Parameters, TrainState, compiled_step, initial_state
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Autoencoder as Spec
from gudspec.spec.models.autoencoders import Elbo
from gudspec.spec.models.results import AnyEvaluation, Bound, Sample
from gudspec.spec.models.samplers import AnySampler
from gudspec.spec.models.tasks import Generate, Roundtrip
from gudspec.spec.parameters import Bounds

__all__ = ["Autoencoder", "Encoded"]

Batch = Mapping[str, Array]
"""`pixels` [b, H, W, C], quantized or real; more is not looked at."""


class Encoded(NamedTuple):
    """A batch of images as latents."""

    mean: Array
    """Mean of q(z|x), [b, h, w, c]."""
    sample: Array
    """z ~ q(z|x), [b, h, w, c]."""
    remainder: Array
    """−log p(x|z) + log q(z|x) at that z in nats, [b]."""


@dataclass(frozen=True, eq=False)
class Autoencoder:
    """Training, bound, encoding and decoding of the spec of an autoencoder, jitted when first called.

    What a runner calls has the arguments of `Program`: statistics (of which the mean counts), parameters and keys.

    Args:
        experiment: the spec.
        shape: the image, (H, W, C).
        levels: grey levels of the images; None if they are real-valued.
        classes: number of class labels of the images, which it never sees.
        optimizer: the optimizer.
    """

    experiment: Experiment
    shape: Shape
    levels: int | None
    classes: int
    optimizer: optax.GradientTransformation

    @property
    def bounds(self) -> Mapping[str, Bounds]:
        """Trained ranges of parameters: nothing is swept."""
        return {}

    @property
    def design(self) -> Design:
        """A design without meaning: nothing is noised."""
        return Design(self.experiment.design, self.shape)

    @property
    def latent_shape(self) -> Shape:
        """The latents of an image, (h, w, c)."""
        spec = self._spec
        halvings = len(spec.multipliers) - 1
        return self.shape[0] >> halvings, self.shape[1] >> halvings, spec.latents

    @property
    def _spec(self) -> Spec:
        assert isinstance(self.experiment.network, Spec)
        return self.experiment.network

    def _create(self, rngs: nnx.Rngs) -> Network:
        return Network(self.shape, rngs=rngs, **self._spec.model_dump(exclude={"kind"}))

    @cached_property
    def init(self) -> Callable[[Array], TrainState]:
        """Root key → the state before the first step."""

        def init(key: Array) -> TrainState:
            return initial_state({"network": self._created.parameters(fold(key, "network"))}, self.optimizer, key)

        return jax.jit(init)

    @cached_property
    def _created(self) -> Created:
        return Created(self._create)

    def _network(self, parameters: Parameters) -> Network:
        network: Network = nnx.merge(self._created.graph, parameters["network"])
        return network

    def at(self, values: Mapping[str, float] | None = None) -> dict[str, Array]:
        """Parameters of the path: there is none."""
        return {}

    def loss(
        self,
        parameters: Parameters,
        key: Array,
        batch: Batch,
        statistics: Statistics,
        part: Array | int = 0,
    ) -> Array:
        """The negative bound of a batch, or of one part of it, in bits/dim; all noise is drawn for the whole batch."""
        data, spec = self.experiment.data, self.experiment.objective
        assert isinstance(spec, Elbo)
        images = images_of(batch["pixels"], self.levels, data, fold(key, "dequantize"))
        x = mirrored(images, data, fold(key, "flip")) - statistics.mean
        noise = jax.random.normal(fold(key, "latents"), (len(x), *self.latent_shape))
        x, noise = (rows(array, part, self.experiment.train.accumulate) for array in (x, noise))
        network = self._network(parameters)
        code = Code(*network.encode(x))
        latents = code.mean + jnp.exp(0.5 * code.log_variance) * noise
        nats = negative_elbo(x, code, latents, network.decode, spec.divergence)
        return self._bits(nats).mean()

    def _bits(self, nats: Array) -> Array:
        return nats / (math.prod(self.shape) * math.log(2)) + bits_offset(self.levels)

    @cached_property
    def train_step(self) -> Callable[..., tuple[TrainState, dict[str, Array]]]:
        """(state, batch, statistics) → the state after the step, and metrics. The state is donated."""
        return compiled_step(self.loss, self.optimizer, self.experiment.train)

    def evaluation(self, spec: AnyEvaluation) -> Callable[..., Array]:
        """The negative bound of images in bits/dim.

        Args:
            spec: an entry of `evaluate`; its `times` are draws of the latents.

        Returns:
            (trained parameters, statistics, batch, key, nothing) → bits/dim per image, [b].

        Raises:
            ValueError: the entry asks for a likelihood, which an autoencoder only bounds.
        """
        if not isinstance(spec, Bound):
            raise ValueError(f"`evaluate.{spec.name}`: an autoencoder has no `{spec.kind}`, only a `bound`")

        def evaluate(
            parameters: Parameters,
            statistics: Statistics,
            batch: Batch,
            key: Array,
            at: Mapping[str, Array],
        ) -> Array:
            network = self._network(parameters)
            images = images_of(batch["pixels"], self.levels, self.experiment.data, fold(key, "dequantize"))
            x = images - statistics.mean
            code = Code(*network.encode(x))

            def one(index: Array) -> Array:
                return negative_elbo(x, code, code.sample(fold(key, "latents", index)), network.decode)

            return self._bits(jax.lax.map(one, jnp.arange(spec.times)).mean(axis=0))

        return jax.jit(evaluate)

    @cached_property
    def encode(self) -> Callable[..., Encoded]:
        """(trained parameters, statistics, batch, key) → the batch as latents."""

        def encode(parameters: Parameters, statistics: Statistics, batch: Batch, key: Array) -> Encoded:
            network = self._network(parameters)
            images = images_of(batch["pixels"], self.levels, self.experiment.data, fold(key, "dequantize"))
            x = images - statistics.mean
            code = Code(*network.encode(x))
            latents = code.sample(fold(key, "latents"))
            return Encoded(code.mean, latents, remainder(x, code, latents, network.decode))

        return jax.jit(encode)

    def means(self, parameters: Parameters, mean: Array, images: Array) -> Array:
        """Means of q(z|x), [b, h, w, c], of real-valued images [b, H, W, C] whose training mean is given."""
        return self._network(parameters).encode(images - mean)[0]

    def decoded(self, parameters: Parameters, mean: Array, latents: Array) -> Array:
        """Means of p(x|z), [b, H, W, C], of latents [b, h, w, c]."""
        return self._network(parameters).decode(latents)[0] + mean

    @cached_property
    def decode(self) -> Callable[[Parameters, Statistics, Array], Array]:
        """(trained parameters, statistics, latents [b, h, w, c]) → images [b, H, W, C], the means of p(x|z)."""

        def decode(parameters: Parameters, statistics: Statistics, latents: Array) -> Array:
            return self.decoded(parameters, statistics.mean, latents)

        return jax.jit(decode)

    def sampler(self, spec: AnySampler) -> Callable[..., Array]:
        """Images of latents drawn from N(0, 1): (…, count) → [count, H, W, C]."""
        draw = self.drawing(Sample(name="samples"))
        return jax.jit(lambda *arguments, count: draw(*arguments, count=count)["images"], static_argnames="count")

    def drawing(self, entry: Sample, mask: np.ndarray | None = None) -> Callable[..., dict[str, Array]]:
        """What an entry of `sample` draws: images of latents from N(0, 1), or given images encoded and decoded.

        Args:
            entry: the entry.
            mask: of tasks that an autoencoder does not have.

        Returns:
            (trained parameters, statistics, key, nothing, condition, count) → arrays by name, as those of `Program`.

        Raises:
            ValueError: the task is not one for an autoencoder.
        """
        if not isinstance(entry.task, Generate | Roundtrip):
            raise ValueError(
                f"`sample.{entry.name}`: an autoencoder cannot {entry.task.kind}, only generate or roundtrip"
            )

        def draw(
            parameters: Parameters,
            statistics: Statistics,
            key: Array,
            at: Mapping[str, Array],
            condition: Mapping[str, Array],
            count: int,
        ) -> dict[str, Array]:
            if isinstance(entry.task, Generate):
                latents = jax.random.normal(fold(key, "prior"), (count, *self.latent_shape))
                return {"images": self.decode(parameters, statistics, latents)}
            images = images_of(condition["pixels"], self.levels, self.experiment.data, fold(key, "dequantize"))
            latents = self.means(parameters, statistics.mean, images)
            return {
                "originals": images,
                "latents": latents,
                "images": self.decode(parameters, statistics, latents),
            }

        return jax.jit(draw, static_argnames="count")
