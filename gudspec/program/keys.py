"""Random keys: one root key, from the spec's seed; every consumer folds in a name and a step."""

import zlib

import jax

from gudspec.process.arrays import Array

__all__ = ["fold", "root"]


def root(seed: int) -> Array:
    """The key from which every random number of a run derives."""
    return jax.random.key(seed)


def fold(key: Array, name: str, step: Array | int = 0) -> Array:
    """The key of stream `name` at `step`: independent of every other stream and of all other steps.

    Args:
        key: the root key.
        name: name of the stream.
        step: a step, a batch number, or whatever counts in that stream.
    """
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode())), step)
