"""How arrays are laid out over devices."""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gudspec.errors import Refused
from gudspec.spec.models.training import Mesh

__all__ = ["device_mesh", "place_batch", "state_shardings"]

_BATCH = PartitionSpec(("data", "fsdp"))


def device_mesh(spec: Mesh, batch_sizes: tuple[int, ...]) -> jax.sharding.Mesh:
    """The mesh of a spec over all devices.

    Args:
        spec: the `mesh` of a spec.
        batch_sizes: batch sizes that must be split evenly.

    Raises:
        Refused: the devices do not fill the mesh, or a batch cannot be split over it.
    """
    devices = jax.device_count()
    data = devices // spec.fsdp if spec.data == -1 else spec.data
    if data * spec.fsdp != devices:
        raise Refused(f"`mesh` asks for data × fsdp = {data} × {spec.fsdp} devices, but {devices} are here")
    for size in batch_sizes:
        if size % devices:
            raise Refused(
                f"a batch of {size} images cannot be split evenly over {devices} devices: change `batch_size`"
            )
    return jax.make_mesh((data, spec.fsdp), ("data", "fsdp"), axis_types=(AxisType.Auto, AxisType.Auto))


def place_batch(batch: dict[str, np.ndarray], mesh: jax.sharding.Mesh) -> dict[str, jax.Array]:
    """A batch, its images split over all devices."""
    sharding = NamedSharding(mesh, _BATCH)
    return {name: jax.make_array_from_process_local_data(sharding, array) for name, array in batch.items()}


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
