"""The order in which training sees images: a pure function of (seed, step), fed through Grain.

A step's position is the number of images that all earlier steps consumed. Position p is image p mod n of epoch p // n,
and every epoch is a permutation of all images: nothing is dropped, at any batch size. No state is kept, so a run may
stop at any step and go on from there, with other devices and other processes.
"""

import grain
import numpy as np

from gudspec.data.shuffle import permutation
from gudspec.data.source import Images

__all__ = ["Batches", "indices", "share", "stream"]

Batches = tuple[tuple[int, int], ...]
"""(steps, batch size) of every phase of a training run."""


def indices(seed: int, step: int, batches: Batches, size: int) -> np.ndarray:
    """The images of one step, over all processes.

    Args:
        seed: seed of the run.
        step: from 0.
        batches: the phases of the run.
        size: number of training images, n.

    Returns:
        int64 [batch], each in [0, size).

    Raises:
        IndexError: the run has no such step.

    >>> [indices(0, step, ((1, 2), (1, 5)), 3).tolist() for step in (0, 1)]
    [[0, 2], [1, 2, 1, 0, 2]]
    """
    first, batch = _position(step, batches)
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


def share(batch: int, process_index: int, process_count: int) -> slice:
    """The rows of a global batch that one process loads: contiguous, in the order of the processes.

    >>> share(12, process_index=1, process_count=3)
    slice(4, 8, None)
    """
    if batch % process_count:
        raise ValueError(f"a batch of {batch} images cannot be shared equally by {process_count} processes")
    rows = batch // process_count
    return slice(process_index * rows, (process_index + 1) * rows)


def stream(
    images: Images,
    *,
    seed: int,
    batches: Batches,
    start: int = 0,
    process_index: int = 0,
    process_count: int = 1,
) -> grain.DatasetIterator[dict[str, np.ndarray]]:
    """The batches of a run, prefetched by a thread.

    Args:
        images: the training split.
        seed: seed of the run.
        batches: the phases of the run.
        start: the first step to deliver.
        process_index: this process, from 0.
        process_count: number of processes that share each batch.

    Returns:
        An iterator over the steps from `start` to the end: `pixels` [rows, H, W, C] and, if the images have them,
        `labels` int32 [rows]. Its `close()` ends the thread.
    """

    def load(step: int) -> dict[str, np.ndarray]:
        rows = indices(seed, step, batches, len(images))
        local = images.take(rows[share(len(rows), process_index, process_count)])
        return {"pixels": local.pixels} | ({} if local.labels is None else {"labels": local.labels})

    for _, batch in batches:
        share(batch, process_index, process_count)  # fails here and not in the thread
    total = sum(steps for steps, _ in batches)
    # One thread suffices: a batch is one gather from memory, and more would fight the training loop for the lock.
    options = grain.ReadOptions(num_threads=1, prefetch_buffer_size=4)
    return iter(grain.MapDataset.range(start, total).map(load).to_iter_dataset(options))
