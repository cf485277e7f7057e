"""What a spec compiles to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from gudspec.process.arrays import Array
from gudspec.process.dequantize import bits_offset, scale
from gudspec.process.groups import Groups
from gudspec.process.process import Process
from gudspec.program.accumulate import accumulated, rows
from gudspec.program.bound import variational_bound
from gudspec.program.denoiser import Condition, Denoise, guided, network_denoiser
from gudspec.program.design import Design, Shape, Statistics, short_name
from gudspec.program.keys import fold
from gudspec.program.known import known_components
from gudspec.program.likelihood import bits_per_dim, log_likelihood
from gudspec.program.measures import CLEAN, masks, measure_of
from gudspec.program.objective import denoising_loss
from gudspec.program.tasks import Drawing, drawn
from gudspec.program.train import Parameters, TrainState, initial_state, train_step
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import AnyEvaluation, Likelihood, Sample
from gudspec.spec.models.samplers import AnySampler
from gudspec.spec.parameters import Bounds, parameters_of

__all__ = ["Batch", "Program"]

Batch = Mapping[str, Array]
"""`pixels` [b, H, W, C], quantized or real; `labels` [b] where the source has classes."""

Denoiser = Callable[[Parameters, Process, Statistics, Array | None], Denoise]
"""(trained parameters, process, statistics, dropout key or None) → denoiser."""


@dataclass(frozen=True, eq=False)
class Program:
    """Training, likelihood, bound and sampling of one spec, jitted when first called.

    Nothing here knows the data: statistics, parameters and keys are arguments. `denoiser` may be replaced by anything
    that predicts noise, such as an exact score, and every program then runs with it
    (`dataclasses.replace(program, denoiser=…)`).

    Args:
        experiment: the spec.
        shape: the image, (H, W, C).
        levels: grey levels of the images; None if they are real-valued.
        classes: number of class labels of the images; 0 if they have none.
        design: the design point.
        tokens: partition of the components into the network's tokens.
        bounds: trained range and nominal value of every parameter of the schedule, by dotted path.
        create: key → a new network.
        optimizer: the optimizer.
        denoiser: makes the denoiser; None takes the network.
    """

    experiment: Experiment
    shape: Shape
    levels: int | None
    classes: int
    design: Design
    tokens: Groups
    bounds: Mapping[str, Bounds]
    create: Callable[[nnx.Rngs], nnx.Module]
    optimizer: optax.GradientTransformation
    denoiser: Denoiser | None = None

    # ── the state ──────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def init(self) -> Callable[[Array], TrainState]:
        """Root key → the state before the first step."""

        def init(key: Array) -> TrainState:
            network = self.create(nnx.Rngs(fold(key, "network")))
            parameters = {"network": nnx.to_pure_dict(nnx.state(network))}
            if self.design.rises is not None:
                parameters["path"] = {"rises": jnp.asarray(self.design.rises)}
            return initial_state(parameters, self.optimizer, key)

        return jax.jit(init)

    @cached_property
    def _graph(self) -> nnx.GraphDef[Any]:
        return nnx.graphdef(nnx.eval_shape(lambda: self.create(nnx.Rngs(0))))

    def _denoise(
        self, parameters: Parameters, process: Process, statistics: Statistics, dropout_key: Array | None = None
    ) -> Denoise:
        if self.denoiser is not None:
            return self.denoiser(parameters, process, statistics, dropout_key)
        network: Any = nnx.merge(self._graph, parameters["network"])
        labels = self.design.labels(self.tokens, statistics)
        prediction = self.experiment.objective.prediction
        return network_denoiser(network, process, self.tokens, labels, prediction, dropout_key=dropout_key)

    # ── the process ────────────────────────────────────────────────────────────────────────────────

    def process(self, statistics: Statistics, parameters: Parameters | None = None) -> Process:
        """The process on data with these statistics.

        Args:
            statistics: of the data.
            parameters: trained parameters, of which a learned path takes its own; without, that before training.
        """
        return self.design.process(statistics, **(parameters or {}).get("path", {}))

    def at(self, values: Mapping[str, float] | None = None) -> dict[str, Array]:
        """Parameters of the path for evaluation and sampling.

        Args:
            values: values by dotted path; parameters that are not named take their nominal value.
        """
        chosen = {path: bounds.value for path, bounds in self.bounds.items()} | dict(values or {})
        return {short_name(path): jnp.float32(value) for path, value in chosen.items()}

    def _images(self, pixels: Array, key: Array) -> Array:
        """Real-valued images in [−1, 1] from quantized ones."""
        if self.levels is None:
            return pixels
        uniform = self.experiment.data.dequantize == "uniform"
        return scale(pixels, self.levels, jax.random.uniform(key, pixels.shape) if uniform else jnp.float32(0.5))

    def _condition(self, batch: Batch, key: Array | None = None) -> Condition:
        """What is known beside the pixels; with a key, as in training, the labels of some images are hidden."""
        if not self.experiment.network.labels:
            return {}
        labels = batch["labels"]
        if key is not None and (share := self.experiment.network.label_dropout):
            labels = jnp.where(jax.random.bernoulli(key, share, labels.shape), self.classes, labels)
        return {"labels": labels}

    # ── the programs ───────────────────────────────────────────────────────────────────────────────

    def loss(
        self, parameters: Parameters, key: Array, batch: Batch, statistics: Statistics, part: Array | int = 0
    ) -> Array:
        """Training loss of one batch (GUD, eq. 12), or of one part of it where `train.accumulate` cuts it.

        Everything but dropout is drawn for the whole batch: the mean over its parts is the loss of the whole.
        """
        process = self.process(statistics, parameters)
        images = self._images(batch["pixels"], fold(key, "dequantize"))
        if self.experiment.data.flip == "horizontal":
            mirrored = jax.random.bernoulli(fold(key, "flip"), shape=(len(images), 1, 1, 1))
            images = jnp.where(mirrored, images[:, :, ::-1], images)
        ranges = {short_name(path): (b.low, b.high) for path, b in self.bounds.items()}
        dropout_key = fold(key, "dropout", part) if self.experiment.network.dropout else None
        return denoising_loss(
            self._denoise(parameters, process, statistics, dropout_key),
            measure_of(self.experiment.objective, process.path, ranges, self.design.partition),
            self.experiment.objective.weight,
            fold(key, "noise"),
            process.to_components(images),
            self._condition(batch, fold(key, "labels")),
            partial(rows, part=part, parts=self.experiment.train.accumulate),
        )

    @cached_property
    def train_step(self) -> Callable[[TrainState, Batch, Statistics], tuple[TrainState, dict[str, Array]]]:
        """(state, batch, statistics) → the state after the step, and metrics. The state is donated."""

        def step(state: TrainState, batch: Batch, statistics: Statistics) -> tuple[TrainState, dict[str, Array]]:
            loss = partial(self.loss, batch=batch, statistics=statistics)
            gradient_of = accumulated(loss, self.experiment.train.accumulate)
            return train_step(state, gradient_of, self.optimizer, self.experiment.train.ema)

        return jax.jit(step, donate_argnums=0)

    def evaluation(self, spec: AnyEvaluation) -> Callable[..., Array]:
        """Bits/dim of images, by the ODE or by the bound.

        Args:
            spec: an entry of `evaluate`.

        Returns:
            (trained parameters, statistics, batch, key, path parameters) → bits/dim per image, [b].
        """

        def evaluate(
            parameters: Parameters, statistics: Statistics, batch: Batch, key: Array, at: Mapping[str, Array]
        ) -> Array:
            process = self.process(statistics, parameters)
            denoise = self._denoise(parameters, process, statistics)
            chi = process.to_components(self._images(batch["pixels"], fold(key, "dequantize")))
            condition = self._condition(batch)
            if isinstance(spec, Likelihood):
                nats = log_likelihood(denoise, process, chi, fold(key, "probes"), at, condition, spec).nats
            else:
                nats = variational_bound(denoise, process, chi, fold(key, "bound"), at, condition, spec.times)
            return bits_per_dim(nats, process, bits_offset(self.levels))

        return jax.jit(evaluate)

    def sampler(self, spec: AnySampler) -> Callable[..., Array]:
        """Images drawn from noise alone.

        Args:
            spec: the `sampler` of an entry of `sample`.

        Returns:
            (trained parameters, statistics, key, path parameters, condition, count) → images [count, H, W, C].
        """
        draw = self.drawing(Sample(name="samples", sampler=spec))
        return jax.jit(lambda *arguments, count: draw(*arguments, count=count)["images"], static_argnames="count")

    def drawing(self, entry: Sample, mask: np.ndarray | None = None) -> Callable[..., dict[str, Array]]:
        """What an entry of `sample` draws.

        Args:
            entry: the entry.
            mask: content of the file of a file mask, [H, W].

        Returns:
            (trained parameters, statistics, key, path parameters, condition, count) → arrays by name: `images`
            [count, H, W, C], and more for a task. The condition holds `labels` [count] where the network has them, and
            `pixels` [count, H, W, C] where the task is given images.

        Raises:
            ValueError: the path, or what is known, is not constant on the network's tokens.
        """
        design = self.design if entry.schedule is None else self.design.along(entry.schedule)
        known = known_components(entry.task, design.layout, mask)
        parts = [design.groups] if known is None else [design.groups, Groups.of(known)]
        if not all(self.tokens.refines(part) for part in parts):
            raise ValueError(f"`sample.{entry.name}` needs another `network.conditioning`: γ differs inside its tokens")
        # the parameters of another path are all fixed
        bounds = {} if entry.schedule is None else parameters_of(entry.schedule)
        fixed: Mapping[str, Any] = {short_name(name): value for name, (_, _, value) in bounds.items()}
        clean = min((part.clean for part in masks(self.experiment.objective)), default=CLEAN)

        def draw(
            parameters: Parameters,
            statistics: Statistics,
            key: Array,
            at: Mapping[str, Array],
            condition: Condition,
            count: int,
        ) -> dict[str, Array]:
            learned = parameters.get("path", {}) if entry.schedule is None else {}
            process = design.process(statistics, **learned)
            denoise = self._denoise(parameters, process, statistics)
            if entry.guidance != 1:
                denoise = guided(denoise, entry.guidance, self.classes)
            condition = dict(condition)
            pixels = condition.pop("pixels", None)
            images = None if pixels is None else self._images(pixels, fold(key, "dequantize"))
            shape, followed = (count, *self.shape), at if entry.schedule is None else fixed
            drawing = Drawing(denoise, process, followed, condition, entry.sampler, key, shape, clean, entry.frames)
            return drawn(entry.task, drawing, images, known)

        return jax.jit(draw, static_argnames="count")
