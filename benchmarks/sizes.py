"""The three image sizes at which everything is measured: the quickstart on images that come with the libraries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

import gudspec
from gudspec.data import Source
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.design import Statistics
from gudspec.program.program import Program

SPEC = "specs/quickstart.yaml"
OPTIMIZER = "train.optimizer={kind: adam, learning_rate: 2.0e-3, schedule: cosine, warmup: 50, clip: 1.0}"
"""That of most peers: what is compared is the rest of the step."""
SIZES = {
    "8x8x1": ["data.source={kind: digits}"],
    "28x28x1": ["data.source={kind: textures, name: brick, size: 28}", "train.batch_size=32"],
    "32x32x3": ["data.source={kind: photos, size: 32, stride: 16}", "train.batch_size=32"],
}


class Ready(NamedTuple):
    """A compiled spec, and what its programs take."""

    program: Program
    source: Source
    data: Statistics
    pixels: jax.Array
    """A training batch, [b, H, W, C]."""


def ready(size: str, overrides: Iterable[str] = ()) -> Ready:
    """The quickstart with Adam and images of this size, its data opened.

    Args:
        size: key of `SIZES`.
        overrides: more overrides of the spec.
    """
    experiment = gudspec.load(SPEC, [OPTIMIZER, *SIZES[size], *overrides])
    prepared = open_data(experiment)
    source, data = prepared.source, jax.device_put(statistics_of(prepared))
    program = gudspec.compile(experiment, source.shape, source.classes)
    assert isinstance(program, Program)
    return Ready(program, source, data, jnp.asarray(source.train.pixels[: experiment.train.batch_size]))


def moved(parameters: Any, key: jax.Array) -> Any:
    """Parameters away from their start, where networks say nothing: what computes the same there does everywhere."""
    leaves, structure = jax.tree.flatten(parameters)
    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(
        structure, [leaf + 0.05 * jax.random.normal(k, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
    )
