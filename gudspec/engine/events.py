"""What TensorBoard shows of a run: scalars, histograms of the parameters, pictures of samples."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np

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
        self._writer: Any = None
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
        if writer := self._opened():
            for name, value in values.items():
                writer.add_scalar(name, value, step)
            self._copy()

    def image(self, step: int, name: str, file: Path) -> None:
        """A picture from a file."""
        if writer := self._opened():
            from PIL import Image

            with file.open("rb") as picture:
                writer.add_image(name, np.asarray(Image.open(picture).convert("RGB")), step, dataformats="HWC")

    def histograms(self, step: int, tree: Any) -> None:
        """How the values of each array are distributed, of up to `_VALUES` of each part. All processes call it."""
        named = jax.tree_util.tree_leaves_with_path(tree)
        here = [_combined([_counts(np.asarray(part)) for _, part in parts(leaf)]) for _, leaf in named]
        every = gather(np.array(here, np.float32).reshape(-1, _FACTS))
        if writer := self._opened():
            for index, (path, _) in enumerate(named):
                low, high, total, squares, *counts = _combined(every[:, index]).tolist()
                if math.isfinite(low) and math.isfinite(high):
                    writer.add_histogram_raw(
                        "parameters/" + jax.tree_util.keystr(path, simple=True, separator="/"),
                        *(low, high, sum(counts), total, squares),
                        bucket_limits=[*_EDGES.tolist(), float(np.finfo(np.float32).max)],
                        bucket_counts=counts,
                        global_step=step,
                    )

    def close(self) -> None:
        """Writes what is left."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._copied = -_COPY_SECONDS
            self._copy()

    def _opened(self) -> Any:
        if self._writer is None and self._workdir.writes:
            from tensorboardX import SummaryWriter

            self._folder = tempfile.mkdtemp() if self._workdir.remote else str(self._workdir.path / "events")
            self._writer = SummaryWriter(self._folder, purge_step=self._purge)
        return self._writer

    def _copy(self) -> None:
        """TensorBoard's writer knows local files only: those of a remote workdir are copied now and then."""
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
