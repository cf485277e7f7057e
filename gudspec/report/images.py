"""Arrays of images as pictures."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping

import numpy as np
from etils import epath
from PIL import Image

__all__ = ["grid", "png", "save_drawing", "save_grid"]

_SIDE = 480
"""Small pictures are enlarged towards this many pixels."""
_SHOWN = 512
"""Most drawings that one picture shows."""


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
    channels = images.shape[-1]
    pixels = (np.clip(np.nan_to_num(images), -1, 1) * 127.5 + 127.5).round().astype(np.uint8)
    if channels == 1:
        pixels = np.repeat(pixels, 3, axis=-1)
    elif channels == 2:
        pixels = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=-1)
    opaque = np.full_like(pixels[..., :1], 255)
    return _tiled(np.concatenate([pixels[..., :3], opaque], axis=-1), columns, gap, gap)


def _tiled(tiles: np.ndarray, columns: int | None, beside: int, below: int) -> np.ndarray:
    """Pictures [n, h, w, 4] side by side, row by row, with gaps `beside` and `below` each."""
    count, height, width, _ = tiles.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    canvas = np.zeros((rows * (height + below) - below, columns * (width + beside) - beside, 4), np.uint8)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = row * (height + below), column * (width + beside)
        canvas[top : top + height, left : left + width] = tile
    return canvas


def png(canvas: np.ndarray) -> bytes:
    """A canvas [h, w, 4], such as that of a grid, as PNG; small ones are enlarged so that their pixels can be seen."""
    buffer = io.BytesIO()
    _enlarged(canvas).save(buffer, "PNG")
    return buffer.getvalue()


def save_grid(path: str | os.PathLike[str], images: np.ndarray, columns: int | None = None) -> None:
    """Writes a grid of images as PNG, small images enlarged so that their pixels can be seen.

    Args:
        path: the file, local or `gs://`.
        images: [n, H, W, C] in [−1, 1].
        columns: images per row; None makes the grid about square.
    """
    epath.Path(path).write_bytes(png(grid(images, columns)))


def save_drawing(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Writes what was drawn, the first 512 of it, as a picture, and the way to it, if it was kept, as an animation.

    Args:
        path: the files without their endings `.png` and `.gif`, local or `gs://`. An animation that is there already,
            of an earlier drawing, is removed.
        arrays: `images` [n, H, W, C] or, with draws or points of each, [n, m, H, W, C]; `originals` and `given`
            [n, H, W, C] of what they began with, which then stand before them, in groups; `frames` [n, f, H, W, C].
    """
    arrays = {name: array[:_SHOWN] for name, array in arrays.items()}
    epath.Path(f"{os.fspath(path)}.png").write_bytes(png(_drawing(arrays)))
    animation = epath.Path(f"{os.fspath(path)}.gif")
    if (frames := arrays.get("frames")) is None:
        animation.unlink(missing_ok=True)
        return
    first, *others = (_enlarged(grid(frame)) for frame in np.moveaxis(frames, 1, 0))
    buffer = io.BytesIO()
    durations = [100] * len(others) + [2000]  # milliseconds; the last is looked at
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=durations, loop=0, disposal=2)
    animation.write_bytes(buffer.getvalue())


def _drawing(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """A canvas [h, w, 4]: a group for each original, as many groups beside each other as make it about square."""
    images = arrays["images"]
    parts = [array[:, None] for name in ("originals", "given") if (array := arrays.get(name)) is not None]
    groups = np.concatenate([*parts, images if images.ndim == 5 else images[:, None]], axis=1)
    count, columns, height, width, _ = groups.shape
    if columns > 1:
        across = max(1, round(math.sqrt(count * height / (columns * width))))
        between = max(3, width // 4)  # a row of groups has to be seen as such
        return _tiled(np.stack([grid(group, columns) for group in groups]), across, between, 1 if across == 1 else 2)
    if max(height, width) <= 2 * min(height, width):
        return grid(groups[:, 0])
    return grid(
        groups[:, 0], count if height > width else 1
    )  # wide strips lie below one another, tall ones side by side


def _enlarged(canvas: np.ndarray) -> Image.Image:
    picture = Image.fromarray(canvas)
    factor = max(1, _SIDE // max(picture.size))
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
