"""What a run leaves behind: the files of a working directory."""

from __future__ import annotations

import io
import json
import logging
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from gudspec.engine.jsonfiles import read_object
from gudspec.errors import Refused
from gudspec.program.design import Statistics
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from gudspec.whole import is_remote, whole, write_whole

__all__ = ["Workdir", "commit", "provenance"]

_PACKAGES = ("gudspec", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "diffrax", "numpy", "pydantic")


@dataclass(frozen=True)
class Workdir:
    """A working directory, local or `gs://`. Everything in it is reached through etils.epath.

    Args:
        path: the folder.
        writes: whether this process writes: of several processes, the first does, and to the others writing is nothing.
    """

    path: epath.Path
    writes: bool = True

    @classmethod
    def at(cls, path: str | os.PathLike[str], writes: bool = True) -> Workdir:
        """The working directory at `path`; local paths are made absolute, as Orbax wants them."""
        folder = epath.Path(path).expanduser()
        return cls(folder if is_remote(folder) else folder.absolute(), writes)

    @property
    def spec(self) -> epath.Path:
        """The resolved spec, which alone reproduces the run."""
        return self.path / "spec.resolved.yaml"

    def experiment(self, overrides: Iterable[str] = ()) -> Experiment:
        """The experiment of the resolved spec, with overrides.

        Raises:
            Refused: there is none.
        """
        if not self.spec.exists():
            raise Refused(f"{self.path} is not a workdir: it has no {self.spec.name}. `gudspec run` makes one")
        return loads(self.spec.read_text(), overrides, name=os.fspath(self.spec))

    @property
    def checkpoints(self) -> epath.Path:
        """Orbax checkpoints, one folder per step."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> epath.Path:
        """One JSON object per line and interval of training."""
        return self.path / "metrics.jsonl"

    @property
    def samples(self) -> epath.Path:
        """Pictures and arrays of samples."""
        return self.path / "samples"

    @property
    def compilations(self) -> epath.Path:
        """JAX's persistent compilation cache, unless another folder was given."""
        return self.path / "compilation-cache"

    @property
    def report(self) -> epath.Path:
        """The report."""
        return self.path / "report.html"

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the workdir; empty if it is missing, or damaged, of which is warned."""
        return read_object(self.path / name, logging.getLogger(__name__).warning)

    def write(self, name: str, content: Mapping[str, Any]) -> None:
        """Writes a JSON file at once: a reader, or a crash, sees the old file or the new one."""
        self.write_text(name, json.dumps(content, indent=2, allow_nan=True) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Writes a text file at once."""
        if not self.writes:
            return
        self.path.mkdir(parents=True, exist_ok=True)
        write_whole(self.path / name, text)

    @property
    def remote(self) -> bool:
        """Whether it is in an object store."""
        return is_remote(self.path)

    def append(self, name: str, line: str) -> None:
        """Appends a line to a text file."""
        if not self.writes:
            return
        file = self.path / name
        if self.remote:
            self.write_text(name, (file.read_text() if file.exists() else "") + line)
            return
        with file.open("a") as lines:
            lines.write(line)

    def load_statistics(self) -> Statistics | None:
        """The statistics that the run was started with; None if they are missing or damaged."""
        arrays = self.read_arrays("statistics.npz")
        return Statistics(**arrays) if arrays is not None and set(arrays) == set(Statistics._fields) else None

    def save_statistics(self, statistics: Statistics) -> None:
        """Keeps the statistics: a resumed run and a later evaluation use the very same numbers."""
        self.write_arrays("statistics.npz", statistics._asdict())

    def read_arrays(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of an .npz file by name; None if it is missing or damaged.

        Raises:
            OSError: the storage fails; the file may be intact.
        """
        file = self.path / name
        if not file.exists():
            return None
        content = io.BytesIO(file.read_bytes())
        try:
            with np.load(content) as arrays:
                return dict(arrays)
        except Exception:  # whatever NumPy makes of a damaged file
            return None

    def write_arrays(self, name: str, arrays: Mapping[str, Any]) -> None:
        """Writes an .npz file at once."""
        if not self.writes:
            return
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole(target) as file:
            np.savez(file, **arrays)


@cache
def commit() -> str | None:
    """The commit of the code that runs; None if it was installed without its repository."""
    checkout = Path(__file__).parents[2]
    if not (checkout / ".git").exists():  # a repository around an environment is somebody else's
        return os.environ.get("GUDSPEC_COMMIT") or None
    try:
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=checkout,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def provenance(hashes: Mapping[str, str]) -> dict[str, Any]:
    """Where a result comes from: versions, commit, devices, hashes."""
    import jax

    return {
        **hashes,
        "versions": {name: version(name) for name in _PACKAGES},
        "commit": commit(),
        "devices": [f"{device.device_kind} {device.id}" for device in jax.devices()],
        "backend": jax.default_backend(),
        "processes": jax.process_count(),
    }
