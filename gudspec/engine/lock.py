"""One run at a time in a working directory."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etils import epath

from gudspec.engine.heartbeat import BEAT_SECONDS, FILE
from gudspec.engine.workdir import Workdir
from gudspec.errors import Refused

__all__ = ["locked"]

_LOCK = ".lock"
_UNSUPPORTED = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}


@contextmanager
def locked(workdir: Workdir) -> Iterator[None]:
    """Keeps other runs out of a working directory.

    On a disk this is a lock of the operating system, which ends with the process that holds it, however that ends.
    Where there is none (`gs://`, some network disks) a heartbeat that still changes tells that a run is alive.

    Raises:
        Refused: another run is there, or the folder cannot be written to.
    """
    try:
        workdir.path.mkdir(parents=True, exist_ok=True)
        held = None if workdir.remote else _lock(Path(workdir.path))
        if held is None:
            _wait_for_silence(workdir)
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            raise Refused(f"{workdir.path} cannot be written to ({error.strerror}): use another --workdir") from None
        raise
    try:
        yield
    finally:
        if held is not None:
            os.ftruncate(held, 0)
            os.close(held)


def _lock(folder: Path) -> int | None:
    """The locked file, or None where the file system has no locks."""
    file = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            os.close(file)
            return None
        if not isinstance(error, BlockingIOError):
            raise
        holder = os.pread(file, 1000, 0)
        os.close(file)
        raise Refused(_in_use(folder, holder.decode(errors="replace"))) from None
    os.ftruncate(file, 0)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    os.pwrite(file, json.dumps({"host": platform.node(), "pid": os.getpid(), "since": since}).encode(), 0)
    return file


def _in_use(folder: Path | epath.Path, holder: str) -> str:
    try:
        known = json.loads(holder)
        who = f"process {known['pid']} on {known['host']}" + (f" since {known['since']}" if "since" in known else "")
    except (ValueError, KeyError, TypeError):
        who = "another process"
    return f"{folder} is in use by {who}: wait for it, stop it, or use another --workdir"


def _wait_for_silence(workdir: Workdir) -> None:
    """Waits until a heartbeat would have changed; clocks of different machines are not compared."""
    before = workdir.read(FILE)
    if not before or before.get("phase") == "ended":
        return
    time.sleep(2.5 * BEAT_SECONDS)
    after = workdir.read(FILE)
    if after != before and after.get("phase") != "ended":
        raise Refused(_in_use(workdir.path, json.dumps(after)))
