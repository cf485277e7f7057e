"""Files that appear as a whole: a reader, or a crash, sees the old content or the new one. Free of JAX."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from etils import epath

__all__ = ["is_remote", "whole", "write_whole"]


def is_remote(path: os.PathLike[str]) -> bool:
    """Whether a path is in an object store, which can neither append to a file nor rename nor lock one."""
    return "://" in os.fspath(path)


@contextmanager
def whole(file: epath.Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when it is complete; an object appears as a whole anyway."""
    temporary = file if is_remote(file) else file.parent / f".{file.name}.tmp"
    with temporary.open("wb") as opened:
        yield opened
    if temporary != file:
        temporary.replace(file)


def write_whole(file: epath.Path, text: str) -> None:
    """Writes a text file as a whole."""
    with whole(file) as opened:
        opened.write(text.encode())
