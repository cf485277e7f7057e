"""What a spec compiles to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from gudspec.network.created import Created, computing
from gudspec.process.arrays import Array
from gudspec.process.dequantize import bits_offset
from gudspec.process.groups import Groups
from gudspec.process.process import Process
from gudspec.program.accumulate import rows
from gudspec.program.bound import variational_bound
from gudspec.program.denoiser import Condition, Denoise, guided, network_denoiser
from gudspec.program.design import Design, Shape, Statistics
from gudspec.program.keys import fold
from gudspec.program.known import known_components
from gudspec.program.likelihood import bits_per_dim, log_likelihood
from gudspec.program.measures import CLEAN, masks, measure_of
from gudspec.program.objective import denoising_loss
from gudspec.program.pixels import images_of, mirrored
from gudspec.program.stretches import Stretch, shares, stretches_of
from gudspec.program.tasks import Drawing, drawn
from gudspec.program.train import Parameters, TrainState, compiled_step, initial_state
from gudspec.spec.models import Experiment
from gudspec.spec.models.experiment import backbone, denoising
from gudspec.spec.models.results import AnyEvaluation, Likelihood, Sample
from gudspec.spec.models.samplers import AnySampler
from gudspec.spec.models.schedules import AnySchedule
from gudspec.spec.models.tasks import ON_THE_PATH
from gudspec.spec.models.transformers import noise_maps
from gudspec.spec.parameters import Bounds, parameters_of, short_name

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
            parameters: Parameters = {"network": self._network.parameters(fold(key, "network"))}
            if self.design.rises is not None:
                parameters["path"] = {"rises": jnp.asarray(self.design.rises)}
            return initial_state(parameters, self.optimizer, key)

        return jax.jit(init)

    @cached_property
    def _network(self) -> Created:
        return Created(self.create)

    def stretches(
        self,
        parameters: Parameters,
        statistics: Statistics,
        design: Design,
        dropout_key: Array | None = None,
        compute: str = "float32",
    ) -> tuple[Stretch, ...]:
        """Process and denoiser along the path of a design, this one or another of the same components.

        Args:
            parameters: trained parameters.
            statistics: of the data.
            design: whose path is followed.
            dropout_key: key of the dropout masks; None drops nothing.
            compute: numbers in which the network computes.
        """
        learned = parameters.get("path", {}) if design is self.design else {}

        def denoiser(process: Process, halvings: int) -> Denoise:
            if self.denoiser is not None:
                return self.denoiser(parameters, process, statistics, dropout_key)
            network = computing(compute, self._network.graph, parameters["network"])
            labels = self.design.labels(self.tokens, statistics)
            own = partial(network, halvings=halvings) if halvings else network
            prediction = denoising(self.experiment).prediction
            maps = noise_maps(backbone(self.experiment).conditioning)
            return network_denoiser(
                own, process, self.tokens, labels, prediction, halvings, maps, dropout_key=dropout_key
            )

        return stretches_of(design.process(statistics, **learned), design.segments, denoiser)

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

    def _along(self, schedule: AnySchedule | None) -> tuple[Design, Mapping[str, Any] | None]:
        """The design along another path, and the parameters of that path, which are all fixed; None on its own path."""
        if schedule is None:
            return self.design, None
        if len(self.design.segments) > 1:
            raise ValueError(f"the path `{schedule.kind}` needs `design.segments: off`: levels are dropped on another")
        bounds = parameters_of(schedule)
        return self.design.along(schedule), {short_name(name): value for name, (_, _, value) in bounds.items()}

    def images(self, pixels: Array, key: Array) -> Array:
        """Real-valued images in [−1, 1] from quantized ones."""
        return images_of(pixels, self.levels, self.experiment.data, key)

    def condition(self, batch: Batch, key: Array | None = None) -> Condition:
        """What is known beside the pixels; with a key, as in training, the labels of some images are hidden."""
        if not backbone(self.experiment).labels:
            return {}
        labels = batch["labels"]
        if key is not None and (share := backbone(self.experiment).label_dropout):
            labels = jnp.where(jax.random.bernoulli(key, share, labels.shape), self.classes, labels)
        return {"labels": labels}

    # ── the programs ───────────────────────────────────────────────────────────────────────────────

    def loss(
        self, parameters: Parameters, key: Array, batch: Batch, statistics: Statistics, part: Array | int = 0
    ) -> Array:
        """Training loss of one batch (GUD, eq. 12), or of one part of it where `train.accumulate` cuts it.

        Everything but dropout is drawn for the whole batch: the mean over its parts is the loss of the whole.
        """
        images = self.images(batch["pixels"], fold(key, "dequantize"))
        images = mirrored(images, self.experiment.data, fold(key, "flip"))
        ranges = {short_name(path): (b.low, b.high) for path, b in self.bounds.items()}
        dropout_key = fold(key, "dropout", part) if backbone(self.experiment).dropout else None
        stretches = self.stretches(parameters, statistics, self.design, dropout_key, self.experiment.train.compute)
        chi, condition = stretches[0].process.to_components(images), self.condition(batch, fold(key, "labels"))
        loss = jnp.float32(0)
        each = shares(self.design.segments, len(chi), self.experiment.train.accumulate)
        for index, (stretch, share) in enumerate(zip(stretches, each, strict=True)):
            segment = stretch.segment
            loss += (segment.stop - segment.start) * denoising_loss(
                stretch.denoise,
                measure_of(denoising(self.experiment), stretch.process.path, ranges, self.design.partition, segment),
                denoising(self.experiment).weight,
                fold(key, "noise", index),
                share(chi),
                jax.tree.map(share, condition),
                partial(rows, part=part, parts=self.experiment.train.accumulate),
                stretch.moving,
            )
        return loss

    @cached_property
    def train_step(self) -> Callable[[TrainState, Batch, Statistics], tuple[TrainState, dict[str, Array]]]:
        """(state, batch, statistics) → the state after the step, and metrics. The state is donated."""
        return compiled_step(self.loss, self.optimizer, self.experiment.train)

    def evaluation(self, spec: AnyEvaluation) -> Callable[..., Array]:
        """Bits/dim of images, by the ODE or by the bound.

        Args:
            spec: an entry of `evaluate`.

        Returns:
            (trained parameters, statistics, batch, key, path parameters) → bits/dim per image, [b].

        Raises:
            ValueError: the path is not constant on the network's tokens.
        """
        design, fixed = self._along(spec.schedule)
        if not self.tokens.refines(design.groups):
            raise ValueError(
                f"`evaluate.{spec.name}` needs another `network.conditioning`: γ differs inside its tokens"
            )

        def evaluate(
            parameters: Parameters, statistics: Statistics, batch: Batch, key: Array, at: Mapping[str, Array]
        ) -> Array:
            stretches = self.stretches(parameters, statistics, design)
            process, at = stretches[0].process, at if fixed is None else fixed
            chi = process.to_components(self.images(batch["pixels"], fold(key, "dequantize")))
            condition = self.condition(batch)
            if isinstance(spec, Likelihood):
                nats = log_likelihood(stretches, chi, fold(key, "probes"), at, condition, spec).nats
            else:
                nats = variational_bound(stretches, chi, fold(key, "bound"), at, condition, spec.times)
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
        design, fixed = self._along(entry.schedule)
        if len(self.design.segments) > 1 and not isinstance(entry.task, ON_THE_PATH):
            raise ValueError(f"`sample.{entry.name}` needs `design.segments: off`: it follows another path than that")
        known = known_components(entry.task, design.layout, mask)
        parts = [design.groups] if known is None else [design.groups, Groups.of(known)]
        if not all(self.tokens.refines(part) for part in parts):
            raise ValueError(f"`sample.{entry.name}` needs another `network.conditioning`: γ differs inside its tokens")
        clean = min((part.clean for part in masks(denoising(self.experiment))), default=CLEAN)

        def draw(
            parameters: Parameters,
            statistics: Statistics,
            key: Array,
            at: Mapping[str, Array],
            condition: Condition,
            count: int,
        ) -> dict[str, Array]:
            stretches = self.stretches(parameters, statistics, design)
            if entry.guidance != 1:
                by = entry.guidance, self.classes
                stretches = tuple(replace(one, denoise=guided(one.denoise, *by)) for one in stretches)
            condition = dict(condition)
            pixels = condition.pop("pixels", None)
            images = None if pixels is None else self.images(pixels, fold(key, "dequantize"))
            shape, followed = (count, *self.shape), at if fixed is None else fixed
            frames = 0 if entry.sampler.count is None else entry.frames  # an adaptive solver stops where it likes
            drawing = Drawing(stretches, followed, condition, entry.sampler, key, shape, clean, frames)
            return drawn(entry.task, drawing, images, known)

        return jax.jit(draw, static_argnames="count")
