"""What one device of an accelerator can do, from its vendor's data sheet."""

from typing import NamedTuple

from gudspec.errors import Refused

__all__ = ["ACCELERATORS", "Accelerator", "accelerator_of"]


class Accelerator(NamedTuple):
    """One device: a chip, or a GPU."""

    name: str
    """What people call it."""
    flops: float
    """Peak FLOP/s of products of float32 arrays at JAX's default precision: one bfloat16 pass on TPUs, TF32 on GPUs."""
    memory: float
    """Bytes of its memory."""
    bandwidth: float
    """Bytes per second to and from that memory."""
    source: str
    """Where these numbers come from."""


_GB, _TERA = 1e9, 1e12
_GIB = 2.0**30
_CLOUD = "Google Cloud TPU documentation, system architecture"
_NVIDIA = "NVIDIA data sheet, SXM, dense"

ACCELERATORS: dict[str, Accelerator] = {
    "v4": Accelerator("TPU v4", 275 * _TERA, 32 * _GIB, 1200 * _GB, f"{_CLOUD}, v4"),
    "v5e": Accelerator("TPU v5e", 197 * _TERA, 16 * _GIB, 819 * _GB, f"{_CLOUD}, v5e"),
    "v5p": Accelerator("TPU v5p", 459 * _TERA, 95 * _GIB, 2765 * _GB, f"{_CLOUD}, v5p"),
    "v6e": Accelerator("TPU v6e", 918 * _TERA, 32 * _GIB, 1638 * _GB, f"{_CLOUD}, v6e"),
    "a100": Accelerator("A100 80 GB", 156 * _TERA, 80 * _GB, 2039 * _GB, f"{_NVIDIA}, A100"),
    "h100": Accelerator("H100 80 GB", 494 * _TERA, 80 * _GB, 3350 * _GB, f"{_NVIDIA}, H100"),
    "h200": Accelerator("H200", 494 * _TERA, 141 * _GB, 4800 * _GB, f"{_NVIDIA}, H200"),
    # convolutions of XLA on two cores of a current server, as this project measured them
    "cpu": Accelerator("two CPU cores", 0.1 * _TERA, 8 * _GIB, 20 * _GB, "measured: 50 GFLOP/s in convolutions"),
}
"""By the names of `--accelerator`."""


def accelerator_of(name: str) -> Accelerator:
    """The accelerator of a name.

    Raises:
        Refused: there is none.
    """
    if name not in ACCELERATORS:
        raise Refused(f"error: no accelerator {name!r} is known; there are {', '.join(ACCELERATORS)}")
    return ACCELERATORS[name]
