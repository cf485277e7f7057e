"""`launch`: where `gudspec launch` and `gudspec sweep` start a run."""

from typing import Annotated, Literal

from pydantic import Field

from gudspec.spec.models.base import Model
from gudspec.spec.models.training import Positive

__all__ = ["Launch", "Tpu"]

Word = Annotated[str, Field(min_length=1, pattern=r"^[\w.:-]+$")]

Tpu = Literal[
    "v4:2x2x1", "v4:2x2x2", "v4:2x2x4", "v4:2x4x4", "v4:4x4x4", "v4:4x4x8", "v4:4x8x8", "v4:8x8x8", "v4:8x8x16",
    "v4:8x16x16",
    "v5e:1x1", "v5e:2x2", "v5e:2x4", "v5e:4x4", "v5e:4x8", "v5e:8x8", "v5e:8x16", "v5e:16x16",
    "v5p:2x2x1", "v5p:2x2x2", "v5p:2x2x4", "v5p:2x4x4", "v5p:4x4x4", "v5p:4x4x8", "v5p:4x8x8", "v5p:8x8x8",
    "v5p:8x8x16", "v5p:8x16x16", "v5p:16x16x16",
    "v6e:1x1", "v6e:2x2", "v6e:2x4", "v6e:4x4", "v6e:4x8", "v6e:8x8", "v6e:8x16", "v6e:16x16",
]  # fmt: skip


class Launch(Model):
    """Where `gudspec launch` and `gudspec sweep` start a run; each platform asks for what it needs.

    No result depends on it. It is best kept in a file of its own that specs extend, or given by `--set launch.zone=…`.
    """

    processes: Positive = 1
    """Processes that share a run on `local` and `slurm`; on TPUs there is one for each host."""
    cpus: Positive = 1
    """CPU cores of each process on `slurm` and `ray`."""
    gpu: bool = False
    """Whether each process on `slurm` and `ray` gets a GPU."""
    hours: Annotated[float, Field(gt=0, le=720)] = 24.0
    """Time limit of a job on `slurm`; a run that needs longer saves itself and is queued again."""
    queue: Word | None = None
    """The partition on `slurm`, Kueue's local queue on `gke-jobset`."""
    accelerator: Tpu | None = None
    """TPU generation and topology."""
    slices: Positive = 1
    """TPU slices on `gke-jobset`, connected by the network of the data center."""
    spot: bool = False
    """Whether to take capacity that is cheaper and may be preempted."""
    project: Word | None = None
    """Project of Google Cloud, on `tpu-vm`."""
    zone: Word | None = None
    """Zone of Google Cloud, on `tpu-vm` and `skypilot`."""
    image: Annotated[str, Field(min_length=1, pattern=r"^[\w./:@-]+$")] | None = None
    """Container image with gudspec, on `gke-jobset`; `runners/Dockerfile` builds one."""
    setup: str | None = None
    """Shell commands that make `gudspec` available where there is no image: on `slurm`, `tpu-vm` and `skypilot`."""
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    """How often a failure is tried again that a retry may help, code 1. A run that was interrupted always continues."""
