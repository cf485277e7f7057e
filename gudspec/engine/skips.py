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
        kept = share(lambda: workdir.read(_FILE))
        self._skips = [(int(step), int(images)) for step, images in kept.get("skips", [])]
        self.count = int(kept.get("rollbacks", len(self._skips)))
        """How often the run went back."""

    def before(self, step: int) -> int:
        """How many images were left out before `step`, counted from 0."""
        return sum(images for start, images in self._skips if start <= step)

    def add(self, start: int, failed: int) -> int:
        """Goes on after `start` with the images after those of the `failed` step.

        Whatever was seen since `start` is left out, also what had been left out there before.

        Returns:
            How many images that are.
        """
        last = sum(self._sizes[:failed]) + self.before(failed - 1)
        self._skips = [(step, images) for step, images in self._skips if step <= start]
        images = last - sum(self._sizes[:start]) - self.before(start)
        self._skips.append((start, images))
        self.count += 1
        self._workdir.write(_FILE, {"skips": self._skips, "rollbacks": self.count})
        return images
