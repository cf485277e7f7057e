"""Arrays of images as pictures."""

from __future__ import annotations

import io
import math
import os

import numpy as np
from etils import epath
from PIL import Image

__all__ = ["grid", "save_grid"]

_SIDE = 480
"""Small pictures are enlarged towards this many pixels."""


def grid(images: np.ndarray, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Images side by side, row by row, with transparent gaps: the picture suits light and dark pages.

    Args:
        images: [n, H, W, C] in [−1, 1]; values outside are clipped, NaN is grey. One channel is grey, two are red and
            green, of more than three the first three are shown.
        columns: images per row; None makes the grid about square.
        gap: pixels between the images.

    Returns:
        uint8 [h, w, 4], the last channel is opacity.

    >>> grid(np.ones((6, 8, 8, 1))).shape
    (17, 26, 4)
    """
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    pixels = (np.clip(np.nan_to_num(images), -1, 1) * 127.5 + 127.5).round().astype(np.uint8)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    elif channels == 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
    canvas = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, image in enumerate(pixels[..., :3]):
        row, column = divmod(index, columns)
        top, left = row * (height + gap), column * (width + gap)
        canvas[top : top + height, left : left + width, :3] = image
        canvas[top : top + height, left : left + width, 3] = 255
    return canvas


def save_grid(path: str | os.PathLike[str], images: np.ndarray, columns: int | None = None) -> None:
    """Writes a grid of images as PNG, small images enlarged so that their pixels can be seen.

    Args:
        path: the file, local or `gs://`.
        images: [n, H, W, C] in [−1, 1].
        columns: images per row; None makes the grid about square.
    """
    canvas = Image.fromarray(grid(images, columns))
    factor = max(1, _SIDE // max(canvas.size))
    buffer = io.BytesIO()
    canvas.resize((canvas.width * factor, canvas.height * factor), Image.Resampling.NEAREST).save(buffer, "PNG")
    epath.Path(path).write_bytes(buffer.getvalue())
