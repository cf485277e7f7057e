"""A checksum of arrays that lie on many devices: computed where they are, the same on every topology."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.engine.mesh import parts
from gudspec.engine.processes import gather

__all__ = ["checksum"]

_LANES = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], np.uint32)
"""Odd constants, one per lane of 32 bits (the primes of xxHash)."""


def checksum(tree: Any) -> str:
    """128 bits of all leaves of a tree, with their names, types and shapes.

    It is a sum of mixed words in integer arithmetic, which no order of summation changes: one device and a thousand
    agree to the bit, and nothing but the sums leaves the devices. It detects damage, not malice.

    Args:
        tree: arrays on devices of all processes, which then all call this, or all of them on devices of this process.
    """
    # a small program per shape of a part, of which a network has few: one for the whole state compiles for a minute
    sums, alone = [np.zeros(len(_LANES), np.uint32)], True
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        seed = np.uint32(_of_text(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}"))
        raw = jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        sums += [_sums(part, seed, start, raw.shape) for start, part in parts(raw)]
        alone &= raw.is_fully_addressable
    here = np.stack(jax.device_get(sums)).sum(axis=0, dtype=np.uint32)
    # where every process holds the whole tree on devices of its own, there is nothing to add
    total = here if alone else gather(here.view(np.int32)).view(np.uint32).sum(axis=0, dtype=np.uint32)
    return "".join(f"{word:08x}" for word in total.tolist())


def _of_text(text: str) -> int:
    """32 bits of a text (FNV-1a)."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


@partial(jax.jit, static_argnums=3)
def _sums(part: jax.Array, seed: jax.Array, start: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The sum over a part of an array of some shape, which starts at some place of it."""
    words, place = _words(part), jnp.asarray(seed)
    for axis, size in enumerate(shape):
        place = place * np.uint32(size) + start[axis] + jax.lax.broadcasted_iota(jnp.uint32, words.shape, axis)
    words, place = words[..., None], jnp.broadcast_to(place, words.shape)[..., None]
    lanes = _LANES.reshape((1,) * part.ndim + (-1,))
    mixed = _mix((words + np.uint32(1)) * lanes ^ _mix(place ^ lanes))
    return jnp.sum(mixed, axis=tuple(range(part.ndim)), dtype=jnp.uint32)


def _words(leaf: jax.Array) -> jax.Array:
    """The bits of an array as unsigned words of at most 32 bits."""
    if leaf.dtype == bool:
        return leaf.astype(jnp.uint32)
    width = min(leaf.dtype.itemsize, 4)
    return jax.lax.bitcast_convert_type(leaf, jnp.dtype(f"uint{8 * width}")).astype(jnp.uint32)


def _mix(x: Any) -> Any:
    """The finalizer of MurmurHash3: every bit of the input changes half of the output's."""
    x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
    return x ^ (x >> 16)
