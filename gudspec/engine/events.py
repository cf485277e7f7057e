"""What TensorBoard shows of a run: scalars, histograms of the parameters, pictures of samples."""

from __future__ import annotations

import math
import os
import platform
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from tensorboardX import summary
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.record_writer import RecordWriter

from gudspec.engine.mesh import parts
from gudspec.engine.processes import gather
from gudspec.engine.workdir import Workdir

__all__ = ["Events"]

_POSITIVE = np.geomspace(1e-6, 1e3, 31, dtype=np.float32)
_EDGES = np.concatenate([-_POSITIVE[::-1], [np.float32(0)], _POSITIVE])
"""Upper edges of the bins of every histogram: the same everywhere, so that parts can be counted where they lie."""
_VALUES = 65_536
_FACTS = 4 + len(_EDGES) + 1
_COPY_SECONDS = 60.0


class Events:
    """The folder `events` of a workdir; only the process that writes makes any, and only once there is something.

    Args:
        workdir: where they are written.
        purge: steps from which on TensorBoard forgets what an attempt that was cut off had written; None forgets none.
    """

    def __init__(self, workdir: Workdir, purge: int | None = None):
        self._workdir, self._purge = workdir, purge
        self._records: Any = None
        self._folder = ""
        self._copied = time.monotonic()

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers, by their tags."""
        if self._workdir.writes:
            self._add(step, *(summary.scalar(name, value) for name, value in values.items()))

    def image(self, step: int, name: str, file: Path) -> None:
        """A picture from a file."""
        if self._workdir.writes:
            from PIL import Image

            with file.open("rb") as picture:
                pixels = np.asarray(Image.open(picture).convert("RGB"))
            self._add(step, summary.image(name, pixels, dataformats="HWC"))

    def histograms(self, step: int, tree: Any) -> None:
        """How the values of each array are distributed, of up to `_VALUES` of each part. All processes call it."""
        named = jax.tree_util.tree_leaves_with_path(tree)
        here = [_combined([_counts(np.asarray(part)) for _, part in parts(leaf)]) for _, leaf in named]
        every = gather(np.array(here, np.float32).reshape(-1, _FACTS))
        found = []
        for index, (path, _) in enumerate(named):
            low, high, total, squares, *counts = _combined(every[:, index]).tolist()
            if math.isfinite(low) and math.isfinite(high):
                name = "parameters/" + jax.tree_util.keystr(path, simple=True, separator="/")
                limits = [*_EDGES.tolist(), float(np.finfo(np.float32).max)]
                found.append(summary.histogram_raw(name, low, high, sum(counts), total, squares, limits, counts))
        if self._workdir.writes:
            self._add(step, *found)

    def close(self) -> None:
        """Writes what is left."""
        if self._records is not None:
            self._records.close()
            self._records = None
            self._copied = -_COPY_SECONDS
            self._copy()

    def _add(self, step: int, *summaries: Any) -> None:
        """Writes at once, and in this thread, so that a full disk is noticed here and now."""
        if self._records is None:
            self._folder = tempfile.mkdtemp() if self._workdir.remote else str(self._workdir.path / "events")
            Path(self._folder).mkdir(parents=True, exist_ok=True)
            name = f"events.out.tfevents.{time.time():.6f}.{platform.node()}.{os.getpid()}"
            self._records = RecordWriter(os.path.join(self._folder, name))
            self._write(file_version="brain.Event:2")
            if self._purge is not None:
                self._write(step=self._purge, session_log=SessionLog(status=SessionLog.START))
        for one in summaries:
            self._write(step=step, summary=one)
        self._records.flush()
        self._copy()

    def _write(self, **content: Any) -> None:
        self._records.write(Event(wall_time=time.time(), **content).SerializeToString())

    def _copy(self) -> None:
        """Records are written to local files only: those of a remote workdir are copied now and then."""
        if not self._workdir.remote or time.monotonic() - self._copied < _COPY_SECONDS:
            return
        self._copied = time.monotonic()
        target = self._workdir.path / "events"
        target.mkdir(parents=True, exist_ok=True)
        for file in Path(self._folder).iterdir():
            (target / file.name).write_bytes(file.read_bytes())


def _counts(part: np.ndarray) -> np.ndarray:
    """Lowest, highest, sum, sum of squares, and counts, of values spread evenly over a part."""
    values = part.ravel()[:: -(-part.size // _VALUES) or 1].astype(np.float32)
    counts = np.bincount(np.searchsorted(_EDGES, values), minlength=len(_EDGES) + 1)
    facts = [values.min(initial=np.inf), values.max(initial=-np.inf), values.sum(), (values * values).sum()]
    return np.concatenate([facts, counts]).astype(np.float32)


def _combined(pieces: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    """The same of several pieces."""
    every = np.array(pieces, np.float32).reshape(-1, _FACTS)
    low, high = every[:, 0].min(initial=np.inf), every[:, 1].max(initial=-np.inf)
    return np.concatenate([[low, high], every[:, 2:].sum(axis=0)])
