"""How arrays are laid out over devices."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.experimental.mesh_utils import create_hybrid_device_mesh
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gudspec.errors import Refused
from gudspec.spec.models import Experiment

__all__ = [
    "arranged",
    "device_mesh",
    "gathered",
    "local_rows",
    "parts",
    "place_rows",
    "place_whole",
    "replicated",
    "slices_of",
    "split",
    "state_shardings",
]


def device_mesh(experiment: Experiment) -> jax.sharding.Mesh:
    """The mesh of a spec over all devices.

    Raises:
        Refused: the devices do not fill the mesh, or a batch of the spec cannot be split evenly over it.
    """
    spec, devices = experiment.mesh, jax.device_count()
    data = devices // spec.fsdp if spec.data == -1 else spec.data
    if data * spec.fsdp != devices:
        raise Refused(f"`mesh` asks for data × fsdp = {data} × {spec.fsdp} devices, but {devices} are here")
    parts = experiment.train.accumulate
    sizes = {f"train, phase {phase}": (size, parts) for phase, (_, size) in enumerate(experiment.train.batches)}
    sizes |= {f"evaluate, {entry.name}": (entry.batch_size, 1) for entry in experiment.evaluate}
    for place, (size, cut) in sizes.items():
        if size % (devices * cut):
            over = f"{devices} devices" + (f" × {cut} parts of `train.accumulate`" if cut > 1 else "")
            raise Refused(f"a batch of {size} images ({place}) cannot be split evenly over {over}")
    types = (AxisType.Auto, AxisType.Auto)
    if slices_of(jax.devices()) == 1:
        return jax.make_mesh((data, spec.fsdp), ("data", "fsdp"), axis_types=types)
    return jax.sharding.Mesh(arranged(jax.devices(), data, spec.fsdp), ("data", "fsdp"), axis_types=types)


def slices_of(devices: Sequence[jax.Device]) -> int:
    """How many slices the devices belong to: groups with a fast network of their own."""
    return len({getattr(device, "slice_index", 0) for device in devices})


def arranged(devices: Sequence[jax.Device], data: int, fsdp: int) -> np.ndarray:
    """Devices of several slices, which `jax.make_mesh` refuses: as many of the slices as can be lie along `data`.

    There only gradients cross the slow network between slices, once a step; along `fsdp` parameters would, too.

    Args:
        devices: of several slices; where these have different sizes, they are taken in order.
        data: length of the axis `data`.
        fsdp: length of the axis `fsdp`; data × fsdp is the number of devices.

    Returns:
        The devices, [data, fsdp].
    """
    slices = slices_of(devices)
    if len(set(Counter(device.slice_index for device in devices).values())) > 1:
        return np.array(devices).reshape(data, fsdp)
    outer = (math.gcd(slices, data), slices // math.gcd(slices, data))
    inner = (data // outer[0], fsdp // outer[1])
    return create_hybrid_device_mesh(inner, outer, devices, allow_split_physical_axes=True)


def replicated(mesh: jax.sharding.Mesh) -> NamedSharding:
    """The sharding of what every device holds as a whole."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: jax.sharding.Mesh) -> NamedSharding:
    """The sharding of a batch: its images are split over all devices."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


@cache
def local_rows(size: int, mesh: jax.sharding.Mesh) -> np.ndarray:
    """The rows of a batch of `size` images that lie on this process' devices, rising.

    The mesh decides, so that devices may be ordered by how they are wired and not by process: the batch as a whole is
    always the same.
    """
    places = split(mesh).addressable_devices_indices_map((size,)).values()
    return np.sort(np.concatenate([np.arange(size)[place] for place in places if place is not None]))


def place_rows(local: Mapping[str, np.ndarray], size: int, mesh: jax.sharding.Mesh) -> dict[str, jax.Array]:
    """A batch on all devices, of which this process brings the rows of `local_rows`.

    Args:
        local: arrays [rows, …].
        size: images of the whole batch.
        mesh: the devices.
    """
    rows, sharding = local_rows(size, mesh), split(mesh)

    def place(array: np.ndarray) -> jax.Array:
        def part(index: tuple[slice, ...] | None) -> np.ndarray:
            assert index is not None
            start, stop, _ = index[0].indices(size)
            first = int(np.searchsorted(rows, start))
            return array[first : first + stop - start]

        return jax.make_array_from_callback((size, *array.shape[1:]), sharding, part)

    return {name: place(array) for name, array in local.items()}


def place_whole(tree: Any, mesh: jax.sharding.Mesh) -> Any:
    """Arrays, or keys, that every process has, on every device.

    `jax.device_put` would compare them between processes, and find a NaN unequal to itself.
    """
    sharding = replicated(mesh)

    def place(leaf: Any) -> jax.Array:
        if isinstance(leaf, jax.Array) and jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(place(jax.random.key_data(leaf)), impl=jax.random.key_impl(leaf))
        array = np.asarray(leaf)
        return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

    return jax.tree.map(place, tree)


def gathered(tree: Any, mesh: jax.sharding.Mesh) -> Any:
    """Arrays of the mesh as NumPy arrays, whole, in every process."""
    return jax.tree.map(np.asarray, jax.jit(lambda tree: tree, out_shardings=replicated(mesh))(tree))


def parts(array: jax.Array) -> Iterator[tuple[np.ndarray, jax.Array]]:
    """The parts of an array that lie on this process' devices, each of one device; copies of a part count once.

    What is computed of them needs no other device. Many small programs that do, in flight at once, wait for each other
    for ever on CPUs.

    Yields:
        Where the part starts, uint32 [axes], and the part.
    """
    for shard in array.addressable_shards:
        if shard.replica_id == 0:
            start = [place.indices(size)[0] for place, size in zip(shard.index, array.shape, strict=True)]
            yield np.array(start, np.uint32), shard.data


def state_shardings(tree: Any, mesh: jax.sharding.Mesh) -> Any:
    """Shardings for a state, in its structure: each array split along its longest axis that `fsdp` divides."""
    shards = mesh.shape["fsdp"]

    def sharding(leaf: jax.ShapeDtypeStruct | jax.Array) -> NamedSharding:
        axes = [axis for axis, size in enumerate(leaf.shape) if shards > 1 and size % shards == 0]
        if not axes:
            return NamedSharding(mesh, PartitionSpec())
        longest = max(axes, key=lambda axis: leaf.shape[axis])
        return NamedSharding(mesh, PartitionSpec(*([None] * longest), "fsdp"))

    return jax.tree.map(sharding, tree)
