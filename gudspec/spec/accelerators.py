"""Accelerators: what one device can do, and the slices of TPUs that a spec may be launched on.

Names of slices are JAX's, `v5e:4x4`: generation and topology. Sources: the tables of Cloud TPU
(cloud.google.com/tpu/docs/v5e and its neighbours) and of TPUs in GKE
(cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus).
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

from gudspec.errors import Refused

__all__ = ["ACCELERATORS", "Accelerator", "Slice", "accelerator_of", "peak_flops", "slice_of"]


class Accelerator(NamedTuple):
    """One device: a chip, or a GPU."""

    name: str
    """What people call it."""
    kinds: tuple[str, ...]
    """How JAX's `device_kind` begins; of several accelerators the longest beginning tells."""
    flops: float
    """Peak FLOP/s of products of float32 arrays at JAX's default precision: one bfloat16 pass on TPUs, TF32 on GPUs."""
    narrow: float
    """Peak FLOP/s of products of bfloat16 arrays."""
    memory: float
    """Bytes of its memory."""
    bandwidth: float
    """Bytes per second to and from that memory."""
    source: str
    """Where these numbers come from."""

    def peak(self, compute: str = "float32") -> float:
        """Peak FLOP/s of products of arrays in these numbers."""
        return self.narrow if compute == "bfloat16" else self.flops


_GB, _TERA = 1e9, 1e12
_GIB = 2.0**30
_CLOUD = "Google Cloud TPU documentation, system architecture"
_NVIDIA = "NVIDIA data sheet, SXM, dense"
_A100, _H100, _H200 = ("NVIDIA A100",), ("NVIDIA H100",), ("NVIDIA H200",)
_V5E, _V5P, _V6E = ("TPU v5 lite", "TPU v5e"), ("TPU v5", "TPU v5p"), ("TPU v6 lite", "TPU v6e")

ACCELERATORS: dict[str, Accelerator] = {
    "v4": Accelerator("TPU v4", ("TPU v4",), 275 * _TERA, 275 * _TERA, 32 * _GIB, 1200 * _GB, f"{_CLOUD}, v4"),
    "v5e": Accelerator("TPU v5e", _V5E, 197 * _TERA, 197 * _TERA, 16 * _GIB, 819 * _GB, f"{_CLOUD}, v5e"),
    "v5p": Accelerator("TPU v5p", _V5P, 459 * _TERA, 459 * _TERA, 95 * _GIB, 2765 * _GB, f"{_CLOUD}, v5p"),
    "v6e": Accelerator("TPU v6e", _V6E, 918 * _TERA, 918 * _TERA, 32 * _GIB, 1638 * _GB, f"{_CLOUD}, v6e"),
    "a100": Accelerator("A100 80 GB", _A100, 156 * _TERA, 312 * _TERA, 80 * _GB, 2039 * _GB, f"{_NVIDIA}, A100"),
    "h100": Accelerator("H100 80 GB", _H100, 494 * _TERA, 989 * _TERA, 80 * _GB, 3350 * _GB, f"{_NVIDIA}, H100"),
    "h200": Accelerator("H200", _H200, 494 * _TERA, 989 * _TERA, 141 * _GB, 4800 * _GB, f"{_NVIDIA}, H200"),
    # convolutions of XLA on two cores of a current server, as this project measured them: half of the peak
    "cpu": Accelerator("two CPU cores", (), 0.1 * _TERA, 0.1 * _TERA, 8 * _GIB, 20 * _GB, "measured: 50 GFLOP/s"),
}
"""By the names of `gudspec lint --accelerator`."""


def accelerator_of(name: str) -> Accelerator:
    """The accelerator of a name.

    Raises:
        Refused: there is none.
    """
    if name not in ACCELERATORS:
        raise Refused(f"error: no accelerator {name!r} is known; there are {', '.join(ACCELERATORS)}")
    return ACCELERATORS[name]


def peak_flops(kind: str, compute: str = "float32") -> float | None:
    """Peak FLOP/s of a device, by what JAX calls its kind; None where it is not known.

    Args:
        kind: of the device.
        compute: numbers in which it computes.

    Example:
        >>> peak_flops("TPU v5 lite"), peak_flops("NVIDIA H100 80GB HBM3", "bfloat16"), peak_flops("cpu")
        (197000000000000.0, 989000000000000.0, None)
    """
    known = {begin: one.peak(compute) for one in ACCELERATORS.values() for begin in one.kinds if kind.startswith(begin)}
    return known[max(known, key=len)] if known else None


# ── slices ──────────────────────────────────────────────────────────────────────────────────────────


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
class Slice:
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


def slice_of(name: str) -> Slice:
    """A TPU slice by its name.

    Args:
        name: one of `gudspec.spec.models.launch.Tpu`.

    Example:
        >>> slice_of("v5e:4x4")
        Slice(topology='4x4', label='tpu-v5-lite-podslice', type='v5litepod-16', runtime='v2-alpha-tpuv5-lite', chips=16, hosts=4)
        >>> slice_of("v5p:2x2x2").type, slice_of("v6e:2x4").hosts
        ('v5p-16', 1)
    """  # noqa: E501 (a doctest's output is one line)
    generation, _, topology = name.partition(":")
    of = _GENERATIONS[generation]
    chips = math.prod(map(int, topology.split("x")))
    hosts = 1 if chips <= of.single else chips // 4
    return Slice(topology, of.label, f"{of.prefix}-{chips * of.cores}", of.runtime, chips, hosts)
