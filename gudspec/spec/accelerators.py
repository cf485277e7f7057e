"""The TPUs that a spec may be launched on: what Google calls them, and how many chips and hosts they have.

Names are JAX's, `v5e:4x4`: generation and topology. Sources: the tables of Cloud TPU (cloud.google.com/tpu/docs/v5e and
its neighbours) and of TPUs in GKE (cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus).
"""

import math
from dataclasses import dataclass

__all__ = ["Accelerator", "accelerator"]


@dataclass(frozen=True, slots=True)
class _Generation:
    label: str
    """Value of GKE's node label `cloud.google.com/gke-tpu-accelerator`."""
    prefix: str
    """How the names of Cloud TPU's accelerator types begin."""
    cores: int
    """What those names count, per chip: TensorCores or chips."""
    runtime: str
    """Software of Cloud TPU's virtual machines."""
    single: int
    """Chips of the largest slice that is one host; in larger ones, a host has 4."""


_GENERATIONS = {
    "v4": _Generation("tpu-v4-podslice", "v4", 2, "tpu-ubuntu2204-base", 4),
    "v5e": _Generation("tpu-v5-lite-podslice", "v5litepod", 1, "v2-alpha-tpuv5-lite", 8),
    "v5p": _Generation("tpu-v5p-slice", "v5p", 2, "v2-alpha-tpuv5", 4),
    "v6e": _Generation("tpu-v6e-slice", "v6e", 1, "v2-alpha-tpuv6e", 8),
}


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A slice of TPU chips, each of which is one device of JAX."""

    topology: str
    """`4x4`."""
    label: str
    """What GKE calls its generation."""
    type: str
    """What Cloud TPU calls it: `v5litepod-16`."""
    runtime: str
    """Software of Cloud TPU's virtual machines."""
    chips: int
    """Chips of the slice."""
    hosts: int
    """Machines of the slice; each runs one process."""


def accelerator(name: str) -> Accelerator:
    """A TPU slice by its name.

    Args:
        name: one of `gudspec.spec.models.launch.Tpu`.

    Example:
        >>> accelerator("v5e:4x4")
        Accelerator(topology='4x4', label='tpu-v5-lite-podslice', type='v5litepod-16', runtime='v2-alpha-tpuv5-lite', chips=16, hosts=4)
        >>> accelerator("v5p:2x2x2").type, accelerator("v6e:2x4").hosts
        ('v5p-16', 1)
    """  # noqa: E501 (a doctest's output is one line)
    generation, _, topology = name.partition(":")
    of = _GENERATIONS[generation]
    chips = math.prod(map(int, topology.split("x")))
    hosts = 1 if chips <= of.single else chips // 4
    return Accelerator(topology, of.label, f"{of.prefix}-{chips * of.cores}", of.runtime, chips, hosts)
