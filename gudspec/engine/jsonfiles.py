"""JSON files of a workdir, of which a crash or a disk may damage any: what is not valid counts as missing.

Loads no JAX.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from etils import epath

__all__ = ["read_intervals", "read_last", "read_object"]

_NUMBERS = ("step", "loss", "images_per_second", "seconds")
"""What every interval of training tells."""


def _silent(warning: str) -> None:
    """Tells nobody."""


def read_object(file: epath.Path, warn: Callable[[str], None] = _silent) -> dict[str, Any]:
    """The object of a JSON file; empty if the file is missing or not valid.

    Args:
        file: what is read.
        warn: is told of a file that is not valid.
    """
    content = _content(file)
    found = None if content is None else _object(content)
    if content is not None and found is None:
        warn(f"{file} is damaged (not a JSON object): it counts as missing")
    return found or {}


def read_last(file: epath.Path) -> dict[str, Any]:
    """The last whole line of a file of JSON lines; empty if there is none or it is not valid."""
    lines = _lines(file)
    return (_object(lines[-1]) if lines else None) or {}


def read_intervals(file: epath.Path, warn: Callable[[str], None] = _silent) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; one that is not valid, or was cut off, is left out.

    Args:
        file: what is read.
        warn: is told of lines that are not valid.
    """
    lines = _lines(file)
    found = [_object(line) or {} for line in lines]
    valid = [line for line in found if all(isinstance(line.get(name), int | float) for name in _NUMBERS)]
    if len(valid) < len(lines):
        warn(f"{file} is damaged in {len(lines) - len(valid)} of its {len(lines)} lines, which count as missing")
    return valid


def _lines(file: epath.Path) -> list[bytes]:
    """The whole lines of a file: only the last can be cut off, and then it does not end."""
    return [line for line in (_content(file) or b"").splitlines(keepends=True) if line.endswith(b"\n")]


def _content(file: epath.Path) -> bytes | None:
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text.decode())
    except ValueError:  # neither text nor JSON
        return None
    return found if isinstance(found, dict) else None
