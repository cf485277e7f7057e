"""Square patches of large pictures; train and test patches never share a pixel."""

from collections.abc import Iterable

import numpy as np

from gudspec.data.errors import UNSUITABLE, DataError

__all__ = ["TEST_FRACTION", "patches", "shrink", "split_patches"]

TEST_FRACTION = 0.2
"""Share of a picture's columns, on its right, that is kept for testing (one patch wide at least)."""


def shrink(pixels: np.ndarray, factor: int) -> np.ndarray:
    """Averages blocks of factor × factor pixels and rounds to the nearest grey level.

    Args:
        pixels: uint8 [n, H, W, C]; what is left over on the right and below is cut off.
        factor: side of the blocks.

    Returns:
        uint8 [n, H // factor, W // factor, C].
    """
    n, height, width, channels = pixels.shape
    rows, columns = height // factor, width // factor
    blocks = pixels[:, : rows * factor, : columns * factor].reshape(n, rows, factor, columns, factor, channels)
    total = blocks.sum(axis=(2, 4), dtype=np.uint32)
    nearest: np.ndarray = (total + factor**2 // 2) // factor**2
    return nearest.astype(np.uint8)


def patches(region: np.ndarray, size: int, stride: int) -> np.ndarray:
    """All patches on a grid, row by row.

    Args:
        region: [H, W, C], at least `size` on each side.
        size: side of the patches.
        stride: step of the grid.

    Returns:
        [n, size, size, C].
    """
    windows = np.lib.stride_tricks.sliding_window_view(region, (size, size), axis=(0, 1))[::stride, ::stride]
    return np.moveaxis(windows, 2, -1).reshape(-1, size, size, region.shape[-1])


def split_patches(pictures: Iterable[np.ndarray], size: int, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """Cuts pictures into patches: the left part of each for training, a strip on its right for testing.

    Pictures that cannot hold a patch on both sides are left out.

    Args:
        pictures: each [H, W, C].
        size: side of the patches.
        stride: distance between neighbouring patches.

    Returns:
        Training and test patches, each [n, size, size, C].

    Raises:
        DataError: no picture is large enough.
    """
    train, test, largest = [], [], (0, 0)
    for picture in pictures:
        height, width, _ = picture.shape
        strip = max(size, round(TEST_FRACTION * width))
        largest = max(largest, (height, width), key=min)
        if height >= size and width - strip >= size:
            train.append(patches(picture[:, :-strip], size, stride))
            test.append(patches(picture[:, -strip:], size, stride))
    if not train:
        message = (
            f"patches of {size}×{size} do not fit: the largest picture has {largest[0]}×{largest[1]} pixels after "
            "`downscale`, and must be twice as wide as a patch, to hold test patches apart from training patches; "
            "lower `size` or `downscale`"
        )
        raise DataError(UNSUITABLE, "data.source.size", message)
    return np.concatenate(train), np.concatenate(test)
