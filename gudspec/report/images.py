"""Arrays of images as pictures."""

from __future__ import annotations

import io
import math
import os

import numpy as np
from etils import epath
from PIL import Image

__all__ = ["grid", "save_grid"]


def grid(images: np.ndarray, columns: int | None = None, gap: int = 1) -> np.ndarray:
    """Images [n, H, W, C] in [−1, 1] side by side, as uint8 [h, w, 3]; values outside are clipped."""
    count, height, width, channels = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    pixels = np.clip(np.nan_to_num(images) * 127.5 + 127.5, 0, 255).round().astype(np.uint8)
    pixels = np.repeat(pixels, 3, axis=-1) if channels == 1 else pixels[..., :3]
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), 255, np.uint8)
    for index, image in enumerate(pixels):
        top, left = (divmod(index, columns)[i] * (size + gap) + gap for i, size in enumerate((height, width)))
        canvas[top : top + height, left : left + width] = image
    return canvas


def save_grid(path: str | os.PathLike[str], images: np.ndarray, columns: int | None = None) -> None:
    """Writes a grid of images as PNG, small images enlarged so that their pixels can be seen."""
    canvas = Image.fromarray(grid(images, columns))
    factor = max(1, 480 // max(canvas.size))
    buffer = io.BytesIO()
    canvas.resize((canvas.width * factor, canvas.height * factor), Image.Resampling.NEAREST).save(buffer, "PNG")
    epath.Path(path).write_bytes(buffer.getvalue())
