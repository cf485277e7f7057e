"""Permutations that never change: every order of images in gudspec comes from here."""

from functools import lru_cache

import numpy as np

__all__ = ["permutation"]


@lru_cache(maxsize=4)
def permutation(size: int, seed: int, stream: int) -> np.ndarray:
    """A random permutation that depends on its arguments alone.

    It sorts raw Philox words. NumPy promises the words of a bit generator for ever, but not the stream of
    `Generator.permutation`: a run resumed under another NumPy must see the same images.

    Args:
        size: number of elements.
        seed: any non-negative integer below 2^64.
        stream: which permutation of this seed; in the pipeline the epoch.

    Returns:
        int64 [size], read-only because it is shared.

    >>> permutation(5, seed=0, stream=0).tolist()
    [0, 2, 1, 4, 3]
    """
    words = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64)).random_raw(size)
    order = np.argsort(words, kind="stable")
    order.setflags(write=False)
    return order
