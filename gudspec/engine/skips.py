"""Images that a run left out, because training diverged on them."""

from __future__ import annotations

from gudspec.data.pipeline import Batches
from gudspec.engine.processes import share
from gudspec.engine.workdir import Workdir

__all__ = ["Skips"]

_FILE = "skipped.json"


class Skips:
    """Kept in the workdir: a run that starts again leaves out the same images, wherever it starts.

    Args:
        workdir: where they are kept.
        batches: phases of the run.
    """

    def __init__(self, workdir: Workdir, batches: Batches):
        self._workdir = workdir
        self._sizes = [size for steps, size in batches for _ in range(steps)]
        self._skips: list[tuple[int, int]] = [
            (step, images) for step, images in share(lambda: workdir.read(_FILE)).get("skips", [])
        ]

    @property
    def count(self) -> int:
        """How often images were left out."""
        return len(self._skips)

    def before(self, step: int) -> int:
        """How many images were left out before `step`, counted from 0."""
        return sum(images for start, images in self._skips if start <= step)

    def add(self, start: int, failed: int) -> int:
        """Leaves out the images of the steps after `start`, up to the `failed` one.

        Returns:
            How many images that are.
        """
        images = sum(self._sizes[start:failed])
        self._skips.append((start, images))
        self._workdir.write(_FILE, {"skips": self._skips})
        return images
