"""Where what is computed once is kept between runs. Free of NumPy: a linter asks whether something is there."""

import hashlib
import os
from pathlib import Path

__all__ = ["cached_path", "folder"]

_FORMAT = 1  # raise it when what is stored under a key changes its meaning


def folder() -> Path:
    """Where the cache lives: `$GUDSPEC_CACHE`, else `~/.cache/gudspec/statistics`."""
    chosen = os.environ.get("GUDSPEC_CACHE")
    return Path(chosen).expanduser() if chosen else Path.home() / ".cache" / "gudspec" / "statistics"


def cached_path(*key: object, suffix: str = ".npz") -> Path:
    """The file of whatever is determined by `key`, whether or not it exists yet.

    Args:
        *key: everything that the content depends on; each part must have a faithful `repr`.
        suffix: of the file.

    Returns:
        Its path in the cache folder.
    """
    return folder() / (hashlib.sha256(repr((_FORMAT, *key)).encode()).hexdigest() + suffix)
