"""The many small arrays of a state as one: a checkpoint costs by the array, and most arrays of a network are small."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec, SingleDeviceSharding

from gudspec.engine.processes import gather

__all__ = ["Packed", "pack", "packed", "sha256", "unpack"]

Packed = dict[str, Any]
"""`small`, bytes of arrays one after the other [n], and `large`, arrays by their names."""

_SMALL = 2**16
"""Numbers of an array that is small."""


def pack(tree: Any) -> tuple[Packed, str]:
    """What is saved of a tree, and a hash of its small arrays. What lies apart is in `large`, by name.

    Small arrays come to this process' memory. Those that are spread over several processes stay where they are.
    """
    small, large = [], {}
    for name, leaf in _leaves(tree):
        here = leaf.is_fully_addressable or leaf.is_fully_replicated
        if here and leaf.size <= _SMALL and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            small.append(leaf)
        else:
            large[name] = leaf
    together = [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in jax.device_get(small)]
    content = np.concatenate([np.zeros(0, np.uint8), *together])
    # an array of the devices again: of NumPy's, Orbax would write beside the others, at the same manifest
    place = jax.tree.leaves(tree)[0].sharding
    place = NamedSharding(place.mesh, PartitionSpec()) if isinstance(place, NamedSharding) else place
    placed = jax.make_array_from_callback(content.shape, place, content.__getitem__)
    # processes may differ in the last bits: the hash is that of the one whose bytes are written
    writer = next(shard.device.process_index for shard in placed.global_shards if shard.replica_id == 0)
    hashes = gather(np.frombuffer(bytes.fromhex(sha256(content)), np.int32))
    return {"small": placed, "large": large}, hashes[writer].tobytes().hex()


def sha256(content: Any) -> str:
    """SHA-256 of bytes."""
    return hashlib.sha256(np.ascontiguousarray(content).data).hexdigest()


def packed(abstract: Any, apart: Collection[str]) -> Packed:
    """Shapes and places of what was saved of such a tree; every process reads all small arrays.

    Args:
        abstract: shapes, types and shardings of the tree.
        apart: names of the arrays that lie apart.
    """
    large = {name: leaf for name, leaf in _leaves(abstract) if name in apart}
    size = sum(_bytes(leaf) for name, leaf in _leaves(abstract) if name not in apart)
    here = SingleDeviceSharding(jax.local_devices()[0])
    return {"small": jax.ShapeDtypeStruct((size,), np.uint8, sharding=here), "large": large}


def unpack(read: Packed, abstract: Any) -> Any:
    """The tree that was saved, laid out as `abstract` says."""
    small, position, leaves = np.asarray(read["small"]), 0, []
    for name, leaf in _leaves(abstract):
        if name in read["large"]:
            leaves.append(read["large"][name])
            continue
        array = small[position : position + _bytes(leaf)].view(leaf.dtype).reshape(leaf.shape)
        position += _bytes(leaf)
        leaves.append(jax.make_array_from_callback(leaf.shape, leaf.sharding, array.__getitem__))
    return jax.tree.unflatten(jax.tree.structure(abstract), leaves)


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path, simple=True, separator="."), leaf


def _bytes(leaf: Any) -> int:
    return math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize
