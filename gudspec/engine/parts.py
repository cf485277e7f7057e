"""Batches of a result that is not whole yet, kept so that an interruption repeats none of them."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import numpy as np

from gudspec.engine.processes import share
from gudspec.engine.workdir import Workdir

__all__ = ["Parts"]

Arrays = dict[str, np.ndarray]

_FOLDER = ".parts"


class Parts:
    """The batches of one drawing or evaluation, in files of the workdir until the whole is written.

    Args:
        workdir: where they are kept.
        name: of the result: what was asked, of which parameters and noise.
    """

    def __init__(self, workdir: Workdir, name: str):
        self._workdir, self._name = workdir, name
        self._folder = workdir.path / _FOLDER

    def __enter__(self) -> Parts:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._workdir.writes and self._folder.exists():
            for file in self._folder.glob(f"{self._name}-*"):
                file.unlink()
            # in an object store, a folder goes with its last file; parts of another result may be there
            if not self._workdir.remote and not any(self._folder.iterdir()):
                self._folder.rmdir()

    def take(self, index: int, make: Callable[[], Arrays], more: bool) -> Arrays:
        """A batch from its file; or made, and kept if there are more, before which a run may be interrupted."""
        file = f"{_FOLDER}/{self._name}-{index}.npz"
        found = share(lambda: self._workdir.read_arrays(file))
        if found is None:
            found = make()
            if more:
                self._workdir.write_arrays(file, found)
        return found
