"""What is done to the files of a run that stands still."""

from __future__ import annotations

import random
from pathlib import Path

__all__ = ["damage"]


def damage(workdir: Path, kind: str, seed: int) -> bool:
    """Does it; False if there is nothing to do it to.

    Args:
        workdir: the run.
        kind: one of `faults.AT_REST`.
        seed: chooses the file and the place.
    """
    draw = random.Random(seed)
    named = {
        "torn_metrics": "metrics.jsonl",
        "torn_results": "results.json",
        "torn_statistics": "statistics.npz",
        "lost_statistics": "statistics.npz",
    }
    if kind in named:
        file = workdir / named[kind]
        if not file.exists() or not file.stat().st_size:
            return False
        if kind == "lost_statistics":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[: draw.randrange(file.stat().st_size)])
        return True
    files = _latest(workdir)
    if not files:
        return False
    file = draw.choice(files)
    content = bytearray(file.read_bytes())
    if kind == "remove":
        file.unlink()
    elif kind == "truncate":
        file.write_bytes(content[: draw.randrange(len(content))])
    else:
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        file.write_bytes(content)
    return True


def _latest(workdir: Path) -> list[Path]:
    """The files of the latest checkpoint that have content; none where it is the only one: a run needs one."""
    folder = workdir / "checkpoints"
    steps = sorted((path for path in folder.glob("*") if path.name.isdigit()), key=lambda path: int(path.name))
    return sorted(path for path in steps[-1].rglob("*") if path.is_file() and path.stat().st_size) if steps[1:] else []
