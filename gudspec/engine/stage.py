"""The autoencoder of a learned stage, made ready to be an argument of programs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.engine.latents import restored
from gudspec.engine.prepare import Prepared
from gudspec.program.keys import fold, root
from gudspec.program.pixels import images_of
from gudspec.program.stage import Frozen
from gudspec.program.staged import Staged
from gudspec.spec.stage import learned_stage

__all__ = ["frozen"]

_BATCH = 128
_MOST = 16_384
"""Images whose latents are looked at: enough for means and variances."""


def frozen(program: Staged, prepared: Prepared) -> np.ndarray:
    """The autoencoder's averaged parameters and the unit of its latents, as `Statistics.frozen`.

    Moments are those of the training images, dequantized, and not mirrored.

    Raises:
        Refused: its workdir has no intact checkpoint, or other parameters than when the data was opened.
    """
    stage, source = learned_stage(prepared.experiment.design), prepared.source
    assert stage is not None
    assert prepared.autoencoder is not None
    coder, weights, statistics = restored(stage.autoencoder, source.shape, source.classes, prepared.autoencoder[1])
    mean = jnp.asarray(statistics.mean)

    @jax.jit
    def coded(pixels: jax.Array, key: jax.Array) -> tuple[jax.Array, ...]:
        images = images_of(pixels, source.levels, prepared.experiment.data, key)
        codes = coder.means(weights, mean, images)
        return images, codes, coder.decoded(weights, mean, codes)

    some = source.train.spread(min(len(source.train), _MOST))
    key = fold(root(prepared.experiment.seed), "learned stage")
    codes, decoded, residual = _Moments(), _Moments(), _Moments()
    for index, start in enumerate(range(0, len(some), _BATCH)):
        rows = np.arange(start, min(start + _BATCH, len(some)))
        pixels = some.take(rows % len(some)).pixels
        images, latents, back = (np.asarray(a, np.float64) for a in coded(pixels, fold(key, "batch", index)))
        codes.add(latents)
        decoded.add(back)
        residual.add(images - back)
    gain = np.sqrt(decoded.variance.sum() / codes.variance.sum())
    spread = np.sqrt((residual.variance + residual.mean**2).mean())
    return program.pack(Frozen(weights, mean, codes.mean, codes.variance, gain, spread))


class _Moments:
    """Mean and variance of arrays, batch by batch, in float64."""

    def __init__(self) -> None:
        self._count, self._sum, self._squares = 0, np.zeros(()), np.zeros(())

    def add(self, batch: np.ndarray) -> None:
        self._count += len(batch)
        self._sum = self._sum + batch.sum(axis=0)
        self._squares = self._squares + (batch**2).sum(axis=0)

    @property
    def mean(self) -> np.ndarray:
        return self._sum / self._count

    @property
    def variance(self) -> np.ndarray:
        return self._squares / self._count - self.mean**2
