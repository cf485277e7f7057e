"""The order in which training sees images: a pure function of (seed, step), fed through Grain.

A step's position is the number of images that all earlier steps consumed. Position p is image p mod n of epoch p // n,
and every epoch is a permutation of all images: nothing is dropped, at any batch size. No state is kept, so a run may
stop at any step and go on from there, with other devices and other processes.
"""

from collections.abc import Callable

import grain
import numpy as np

from gudspec.data.shuffle import permutation
from gudspec.data.source import Images

__all__ = ["Batches", "indices", "stream"]

Batches = tuple[tuple[int, int], ...]
"""(steps, batch size) of every phase of a training run."""


def indices(seed: int, step: int, batches: Batches, size: int, skipped: int = 0) -> np.ndarray:
    """The images of one step, over all processes.

    Args:
        seed: seed of the run.
        step: from 0.
        batches: the phases of the run.
        size: number of training images, n.
        skipped: how many images were left out before this step.

    Returns:
        int64 [batch], each in [0, size).

    Raises:
        IndexError: the run has no such step.

    >>> [indices(0, step, ((1, 2), (1, 5)), 3).tolist() for step in (0, 1)]
    [[0, 2], [1, 2, 1, 0, 2]]
    """
    first, batch = _position(step, batches)
    first += skipped
    position = np.arange(first, first + batch)
    epochs = range(first // size, (first + batch - 1) // size + 1)
    order = np.concatenate([permutation(size, seed, epoch) for epoch in epochs])
    return order[position - epochs[0] * size]


def _position(step: int, batches: Batches) -> tuple[int, int]:
    """How many images came before a step, and its batch size."""
    if step >= 0:
        first = 0
        for steps, batch in batches:
            if step < steps:
                return first + step * batch, batch
            step -= steps
            first += steps * batch
    raise IndexError(f"the run has {sum(steps for steps, _ in batches)} steps: {batches}")


def stream(
    images: Images,
    *,
    seed: int,
    batches: Batches,
    start: int = 0,
    rows: Callable[[int], np.ndarray] = np.arange,
    skipped: Callable[[int], int] = lambda step: 0,
) -> grain.DatasetIterator[dict[str, np.ndarray]]:
    """The batches of a run.

    No thread prefetches. The training loop waits for no step: it gathers a batch from memory and sends it to the
    devices, a millisecond at most, while they work on the steps before. A thread would fight it for the interpreter.

    Args:
        images: the training split.
        seed: seed of the run.
        batches: the phases of the run.
        start: the first step to deliver.
        rows: (batch size) → the rows of a batch that this process loads; all by default.
        skipped: (step) → how many images were left out before it.

    Returns:
        An iterator over the steps from `start` to the end: `pixels` [rows, H, W, C] and, if the images have them,
        `labels` int32 [rows].
    """

    def load(step: int) -> dict[str, np.ndarray]:
        chosen = indices(seed, step, batches, len(images), skipped(step))
        local = images.take(chosen[rows(len(chosen))])
        return {"pixels": local.pixels} | ({} if local.labels is None else {"labels": local.labels})

    total = sum(steps for steps, _ in batches)
    options = grain.ReadOptions(num_threads=0, prefetch_buffer_size=0)
    return iter(grain.MapDataset.range(start, total).map(load).to_iter_dataset(options))
