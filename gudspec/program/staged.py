"""What a spec with a learned stage compiles to: one model of images that move, and of the latents that they become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.network.created import computing
from gudspec.process.arrays import Array
from gudspec.process.groups import Groups
from gudspec.process.measures import PathMeasure
from gudspec.process.process import Process
from gudspec.program.accumulate import rows
from gudspec.program.denoiser import Condition, Denoise, guided, moving_denoiser, network_denoiser
from gudspec.program.design import Design, Shape, Statistics
from gudspec.program.grids import shares_of, times_of
from gudspec.program.keys import fold
from gudspec.program.objective import denoising_loss
from gudspec.program.pixels import mirrored
from gudspec.program.program import Batch, Program
from gudspec.program.samplers import method_of, walk
from gudspec.program.segments import Segment, halves
from gudspec.program.stage import Frozen, latent_process, moving_loss, moving_step, turn
from gudspec.program.stretches import shares
from gudspec.program.train import Parameters, TrainState
from gudspec.spec.models.experiment import backbone, denoising
from gudspec.spec.models.results import AnyEvaluation, Sample
from gudspec.spec.parameters import short_name
from gudspec.spec.stage import learned_stage

__all__ = ["Coder", "Staged"]


class Coder(Protocol):
    """What a learned stage needs of an autoencoder: `gudspec.program.autoencoder.Autoencoder` is one."""

    @property
    def latent_shape(self) -> Shape:
        """The latents of an image, (h, w, c)."""

    @property
    def init(self) -> Callable[[Array], TrainState]:
        """Root key → a train state, of whose parameters only the shapes matter."""

    def means(self, parameters: Parameters, mean: Array, images: Array) -> Array:
        """f(x): images [b, H, W, C] → latents [b, h, w, c]."""

    def decoded(self, parameters: Parameters, mean: Array, latents: Array) -> Array:
        """g(z): latents [b, h, w, c] → images [b, H, W, C]."""


class Pair(NamedTuple):
    """The two halves of a model: images that move from t = 0 to the turning point, and latents from there on."""

    images: Process
    """The process of images."""
    latents: Process
    """The process of latents."""
    moving: Denoise
    """The denoiser of images: ε̂ and what the image has left to lose, r̂, one after the other, [b, H, W, 2C]."""
    resting: Denoise
    """The denoiser of latents."""
    frozen: Frozen
    """The autoencoder."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Staged(Program):
    """Training and sampling of a spec with a learned stage. Its parameters are those of two networks.

    What is inherited is that of the images: their design, and the path that both halves share. There is no likelihood
    and no bound. `denoiser`, where it is replaced, is asked for the denoisers of both halves, which are told apart by
    the shape of the process.

    Args:
        autoencoder: f and g.
    """

    autoencoder: Coder

    @property
    def turning(self) -> float:
        """The turning point τ."""
        stage = learned_stage(self.design.spec)
        assert stage is not None
        return stage.turning

    @property
    def parts(self) -> tuple[Segment, Segment]:
        """The time of images, and that of latents."""
        return halves(self.turning)

    # ── the autoencoder, an argument ───────────────────────────────────────────────────────────────

    @cached_property
    def _template(self) -> Frozen:
        """Shapes of the autoencoder and of what is known of its latents."""
        weights = jax.eval_shape(self.autoencoder.init, jax.eval_shape(lambda: jax.random.key(0))).parameters
        code, one = self.autoencoder.latent_shape, ()
        shapes = (jax.ShapeDtypeStruct(shape, np.float32) for shape in (self.shape, code, code, one, one))
        return Frozen(weights, *shapes)

    @property
    def frozen_size(self) -> int:
        """How many numbers `Statistics.frozen` holds."""
        return sum(leaf.size for leaf in jax.tree.leaves(self._template))

    def pack(self, frozen: Frozen) -> np.ndarray:
        """The autoencoder as one vector, as `Statistics` carry it."""
        return np.concatenate([np.asarray(leaf, np.float32).ravel() for leaf in jax.tree.leaves(frozen)])

    def unpack(self, vector: Array) -> Frozen:
        """The inverse of `pack`, for NumPy and traced arrays."""
        leaves, tree = jax.tree.flatten(self._template)
        ends = np.cumsum([0, *(leaf.size for leaf in leaves)])
        pieces = [
            vector[start:stop].reshape(leaf.shape) for start, stop, leaf in zip(ends, ends[1:], leaves, strict=False)
        ]
        frozen: Frozen = jax.tree.unflatten(tree, pieces)
        return frozen

    def encode(self, frozen: Frozen, images: Array) -> Array:
        """f(x), [b, h, w, c]."""
        return self.autoencoder.means(frozen.weights, frozen.mean, images)

    def decode(self, frozen: Frozen, latents: Array) -> Array:
        """g(z), [b, H, W, C]."""
        return self.autoencoder.decoded(frozen.weights, frozen.mean, latents)

    # ── both halves ────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def latent_design(self) -> Design:
        """The design of the latents' shape."""
        return Design(self.design.spec, self.autoencoder.latent_shape)

    def pair(
        self,
        parameters: Parameters,
        statistics: Statistics,
        dropout_key: Array | None = None,
        compute: str = "float32",
    ) -> Pair:
        """Processes and denoisers of both halves; see `Program.stretches` for the arguments."""
        frozen = self.unpack(statistics.frozen)
        images, latents = self.process(statistics), latent_process(self.latent_design, statistics, frozen)
        if self.denoiser is not None:
            moving, resting = (
                self.denoiser(parameters, process, statistics, dropout_key) for process in (images, latents)
            )
            return Pair(images, latents, moving, resting, frozen)
        network = computing(compute, self._network.graph, parameters["network"])
        inner, prediction = partial(network, halvings=1), denoising(self.experiment).prediction
        of_images, of_latents = (Groups.single(shape) for shape in (self.shape, self.autoencoder.latent_shape))
        label, unit = jnp.full(1, -1.0), frozen.residual / images.scale  # a single token has no place
        moving = moving_denoiser(network, images, of_images, label, prediction, unit, dropout_key=dropout_key)
        resting = network_denoiser(inner, latents, of_latents, label, prediction, dropout_key=dropout_key)
        return Pair(images, latents, moving, resting, frozen)

    def hidden(self, statistics: Statistics) -> float:
        """The share of the latents' variance that noise hides at the turning point, and decoding loses.

        E[z | z_τ] lacks Σ/(1 + SNR) of a variance Σ, were latents independent Gaussians; SNR = e^(−γ) Σ.
        """
        latents = latent_process(self.latent_design, statistics, self.unpack(statistics.frozen))
        gamma = np.asarray(latents.gamma(jnp.full(1, self.turning), self.at()))[0]
        variance = np.asarray(latents.variance, float)
        return float((variance / (1 + variance * np.exp(-gamma))).sum() / variance.sum())

    # ── the programs ───────────────────────────────────────────────────────────────────────────────

    def loss(
        self, parameters: Parameters, key: Array, batch: Batch, statistics: Statistics, part: Array | int = 0
    ) -> Array:
        """Training loss of one batch, or of one part of it: that of both halves, each weighed by its time."""
        images = self.images(batch["pixels"], fold(key, "dequantize"))
        images = mirrored(images, self.experiment.data, fold(key, "flip"))
        condition = self.condition(batch, fold(key, "labels"))
        spec, train = denoising(self.experiment), self.experiment.train
        dropout_key = fold(key, "dropout", part) if backbone(self.experiment).dropout else None
        pair = self.pair(parameters, statistics, dropout_key, train.compute)
        ranges = {short_name(path): (b.low, b.high) for path, b in self.bounds.items()}
        early, late = (
            PathMeasure(process.path, ranges, spec.time == "low_discrepancy", segment.start, segment.stop)
            for process, segment in zip((pair.images, pair.latents), self.parts, strict=True)
        )
        some = partial(rows, part=part, parts=train.accumulate)
        first, second = shares(self.parts, len(images), train.accumulate)
        moving, encoded = first(images), self.encode(pair.frozen, second(images))
        decoded = self.decode(pair.frozen, self.encode(pair.frozen, moving))
        of_images = moving_loss(
            pair.moving,
            pair.images,
            early,
            spec.weight,
            pair.frozen.residual / pair.images.scale,
            fold(key, "noise", 0),
            (pair.images.to_components(moving), pair.images.to_components(decoded)),
            jax.tree.map(first, condition),
            some,
        )
        of_latents = denoising_loss(
            pair.resting,
            late,
            spec.weight,
            fold(key, "noise", 1),
            pair.latents.to_components(encoded),
            jax.tree.map(second, condition),
            some,
        )
        return self.turning * of_images + (1 - self.turning) * of_latents

    def evaluation(self, spec: AnyEvaluation) -> Callable[..., Array]:
        """Nothing: latents do not determine an image.

        Raises:
            ValueError: always.
        """
        raise ValueError(f"`evaluate.{spec.name}`: there is no {spec.kind} through a learned stage")

    def drawing(self, entry: Sample, mask: np.ndarray | None = None) -> Callable[..., dict[str, Array]]:
        """What an entry of `sample` draws: from white latents to the turning point, and as images from there.

        Args:
            entry: the entry, which `unasked` has nothing to say against.
            mask: none.

        Returns:
            (trained parameters, statistics, key, path parameters, condition, count) → `images` [count, H, W, C], and
            `codes` [count, h, w, c], the latents that were decoded on the way.
        """
        sampler, turning = entry.sampler, self.turning

        def draw(
            parameters: Parameters,
            statistics: Statistics,
            key: Array,
            at: Mapping[str, Array],
            condition: Condition,
            count: int,
        ) -> dict[str, Array]:
            pair = self.pair(parameters, statistics)
            moving, resting = pair.moving, pair.resting
            if entry.guidance != 1:
                moving, resting = (guided(one, entry.guidance, self.classes) for one in (moving, resting))
            known = dict(condition)
            times = times_of(sampler, shares_of(sampler), pair.images, at)
            method, early, late = method_of(sampler), jnp.minimum(times, turning), jnp.maximum(times, turning)
            chi = jax.random.normal(fold(key, "prior"), (count, *self.autoencoder.latent_shape))

            def denoise(chi: Array, gamma: Array) -> Array:
                return resting(chi, gamma, known)

            chi, _ = walk(method, denoise, pair.latents, chi, fold(key, "latents"), at, late)
            decode = partial(self.decode, pair.frozen)
            chi, codes = turn(denoise, pair.latents, pair.images, decode, chi, turning, fold(key, "turning point"), at)

            def denoise_moving(chi: Array, gamma: Array) -> Array:
                return moving(chi, gamma, known)

            method = moving_step(method, turning)
            chi, _ = walk(method, denoise_moving, pair.images, chi, fold(key, "sampler"), at, early)
            return {"images": pair.images.to_images(chi), "codes": codes}

        return jax.jit(draw, static_argnames="count")
