"""Arrays kept between runs, filed under the content that they were computed from."""

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gudspec.cached import cached_path, folder

__all__ = ["cached_path", "folder", "remember", "replace_file"]


def remember(path: Path, compute: Callable[[], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays stored at `path`; computed, and stored if possible, when they are not there.

    A file that cannot be read is computed anew and replaced. A cache that cannot be written costs time, never the run.

    Args:
        path: a `cached_path`.
        compute: makes the arrays.

    Returns:
        The arrays by name.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error):
        arrays = dict(compute())
    replace_file(path, lambda file: np.savez(file, allow_pickle=False, **arrays))
    return arrays


def replace_file(path: Path, write: Callable[[BinaryIO], None]) -> bool:
    """Writes `path` at once or not at all: readers never see half a file.

    Args:
        path: the file to create or replace.
        write: writes its content into an open file.

    Returns:
        Whether it could be written.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".tmp", delete=False) as file:
            temporary = file.name
            write(file)  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        return False
    return True
