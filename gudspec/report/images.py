"""Arrays of images as pictures."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping

import numpy as np
from etils import epath
from PIL import Image

__all__ = ["grid", "save_drawing", "save_grid"]

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
    buffer = io.BytesIO()
    _picture(images, columns).save(buffer, "PNG")
    epath.Path(path).write_bytes(buffer.getvalue())


def save_drawing(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes what was drawn as a picture, and the way to it, if it was kept, as an animation.

    Args:
        path: the files without their endings `.png` and `.gif`, local or `gs://`.
        arrays: `images` [n, H, W, C] or, with draws or points of each, [n, m, H, W, C]; `originals` and `given`
            [n, H, W, C] of what they began with, which then stand before them in their row; `frames` [n, f, H, W, C].
    """
    images = arrays["images"]
    rows = [array[:, None] for name in ("originals", "given") if (array := arrays.get(name)) is not None]
    rows.append(images if images.ndim == 5 else images[:, None])
    same = all(row.shape[2:] == images.shape[-3:] for row in rows)
    columns = sum(row.shape[1] for row in rows) if same else 1
    height, width = images.shape[-3:-1]
    if columns == 1 and max(height, width) <= 2 * min(height, width):
        save_grid(f"{os.fspath(path)}.png", images)
    else:  # a row for each; strips that are wide below one another, and tall ones side by side
        flat = np.concatenate(rows, axis=1).reshape(-1, *images.shape[-3:])
        save_grid(f"{os.fspath(path)}.png", flat, len(flat) if columns == 1 and height > width else columns)
    if (frames := arrays.get("frames")) is not None:
        first, *others = (_picture(frame, None) for frame in np.moveaxis(frames, 1, 0))
        buffer = io.BytesIO()
        durations = [100] * len(others) + [2000]  # milliseconds; the last is looked at
        first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=2)
        epath.Path(f"{os.fspath(path)}.gif").write_bytes(buffer.getvalue())


def _picture(images: np.ndarray, columns: int | None) -> Image.Image:
    canvas = Image.fromarray(grid(images, columns))
    factor = max(1, _SIDE // max(canvas.size))
    return canvas.resize((canvas.width * factor, canvas.height * factor), Image.Resampling.NEAREST)
