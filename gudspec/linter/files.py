"""Which files are specs, and what is in them."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gudspec.spec.compose import read_source
from gudspec.spec.diagnostics import Diagnostic, Source, Span
from gudspec.spec.text import decode

__all__ = ["STDIN", "sources", "specs"]

STDIN = "<stdin>"
"""How diagnostics name what comes from standard input."""


def specs(path: Path, excluded: Callable[[Path], bool] = lambda path: False) -> Iterator[str]:
    """The specs of a path: the file itself, or every `.yaml` and `.yml` below a folder.

    Hidden files and folders, such as `.venv` and `.github`, are passed over.

    Args:
        path: a file or a folder.
        excluded: files and folders below it that are passed over as well.
    """
    if not path.is_dir():
        yield str(path)
        return
    found: list[Path] = []
    for folder, inner, files in os.walk(path):
        here = Path(folder)
        inner[:] = [name for name in inner if not name.startswith(".") and not excluded(here / name)]
        names = (here / name for name in files if not name.startswith(".") and name.endswith((".yaml", ".yml")))
        found += [file for file in names if file.is_file() and not excluded(file)]
    yield from map(str, sorted(found))


def sources(
    paths: Iterable[str | os.PathLike[str]], excluded: Callable[[Path], bool] = lambda path: False
) -> Iterator[tuple[Source, Diagnostic | None]]:
    """The texts of some specs, each once, or why they cannot be read.

    Args:
        paths: files, folders, or `-` for standard input.
        excluded: what is passed over in folders.
    """
    seen: set[str] = set()
    for path in (os.fspath(path) for path in paths):
        if path == "-":
            yield decode(STDIN, sys.stdin.buffer.read())
            continue
        files = list(specs(Path(path), excluded))
        if not files:
            nothing = Source(path, "")
            yield nothing, Diagnostic("GUD001", "no specs in this folder", Span(nothing))
        for file in files:
            if (real := os.path.realpath(file)) not in seen:
                seen.add(real)
                yield read_source(file)
