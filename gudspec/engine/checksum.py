"""A checksum of arrays that lie on many devices: computed where they are, the same on every topology."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["checksum"]

_LANES = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F], np.uint32)
"""Odd constants, one per lane of 32 bits (the primes of xxHash)."""


def checksum(tree: Any) -> str:
    """128 bits of all leaves of a tree, with their names, types and shapes.

    It is a sum of mixed words in integer arithmetic, which no order of summation changes: one device and a thousand
    agree to the bit, and nothing but the sums leaves the devices. It detects damage, not malice.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = sorted((jax.tree_util.keystr(path), leaf) for path, leaf in leaves)
    raw = [jax.random.key_data(x) if jnp.issubdtype(x.dtype, jax.dtypes.prng_key) else x for _, x in named]
    seeds = [_of_text(f"{name} {leaf.dtype} {leaf.shape}") for name, leaf in named]
    return "".join(f"{int(word):08x}" for word in np.asarray(_sums(raw, np.array(seeds, np.uint32))))


def _of_text(text: str) -> int:
    """32 bits of a text (FNV-1a)."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


@jax.jit
def _sums(leaves: list[jax.Array], seeds: jax.Array) -> jax.Array:
    total = jnp.zeros(len(_LANES), jnp.uint32)
    for leaf, seed in zip(leaves, seeds, strict=True):
        words = _words(leaf)
        place = seed
        for axis, size in enumerate(words.shape):  # the position of a word, without flattening what is sharded
            index = jax.lax.broadcasted_iota(jnp.uint32, words.shape, axis)
            place = place * np.uint32(size) + index
        mixed = [_mix((words + np.uint32(1)) * lane ^ _mix(place ^ lane)) for lane in _LANES]
        total = total + jnp.stack([jnp.sum(one, dtype=jnp.uint32) for one in mixed])
    return total


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
