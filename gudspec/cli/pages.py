"""Large pages of memory, for programs that a processor runs."""

import os
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["SETTING", "take_large_pages"]

_GIVEN = Path("/sys/kernel/mm/transparent_hugepage/enabled")
SETTING = "glibc.malloc.hugetlb"
"""Of `GLIBC_TUNABLES`: 0 for pages of 4 KiB, 1 to ask for those of 2 MiB."""


def take_large_pages() -> None:
    """Starts this process anew, under the same number, where that gives it large pages.

    XLA takes memory for each call of a program on a CPU and gives it back, hundreds of megabytes that Linux clears page
    by page while they are touched. With pages of 2 MiB in place of 4 KiB the quickstart takes a fifth less time for a
    step. Most systems have them for those who ask; the C library asks if the environment says so when it starts.
    Where all have them, or none, or where the environment says anything of it, nothing happens.
    """
    said = os.environ.get("GLIBC_TUNABLES", "")
    try:
        asking_helps = "[madvise]" in _GIVEN.read_text(encoding="ascii")
    except OSError:
        return
    if not asking_helps or SETTING in said or not sys.executable:
        return
    os.environ["GLIBC_TUNABLES"] = ":".join(part for part in (said, f"{SETTING}=1") if part)
    with suppress(OSError):
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
