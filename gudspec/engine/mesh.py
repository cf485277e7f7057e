"""How arrays are laid out over devices."""

from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from gudspec.errors import Refused
from gudspec.spec.models import Experiment

__all__ = ["device_mesh", "place_batch", "state_shardings"]

_BATCH = PartitionSpec(("data", "fsdp"))


def device_mesh(experiment: Experiment) -> jax.sharding.Mesh:
    """The mesh of a spec over all devices.

    Raises:
        Refused: the devices do not fill the mesh, or a batch of the spec cannot be split evenly over it.
    """
    spec, devices = experiment.mesh, jax.device_count()
    data = devices // spec.fsdp if spec.data == -1 else spec.data
    if data * spec.fsdp != devices:
        raise Refused(f"`mesh` asks for data × fsdp = {data} × {spec.fsdp} devices, but {devices} are here")
    sizes = {f"train, phase {phase}": size for phase, (_, size) in enumerate(experiment.train.batches)}
    sizes |= {f"evaluate, {entry.name}": entry.batch_size for entry in experiment.evaluate}
    for place, size in sizes.items():
        if size % devices:
            raise Refused(f"a batch of {size} images ({place}) cannot be split evenly over {devices} devices")
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
