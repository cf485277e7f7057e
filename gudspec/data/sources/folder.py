"""A folder of image files."""

from pathlib import Path

import numpy as np
from PIL import Image

from gudspec.data.errors import UNSUITABLE, DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import existing, picture
from gudspec.spec.models.data import Folder

__all__ = ["read"]

_FIELD = "data.source.root"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def read(spec: Folder) -> Source:
    """Every image below the folder, cropped and shrunk to size × size; 256 levels, no labels."""
    root = existing(Path(spec.root).expanduser(), _FIELD, "let `root` name a folder of images")
    names = (name for name in root.rglob("*") if name.suffix.lower() in _SUFFIXES and not name.name.startswith("."))
    paths = sorted(names, key=lambda path: path.relative_to(root).as_posix())
    if len(paths) < spec.test_every:
        message = (
            f"{root} holds {len(paths)} images ({', '.join(sorted(_SUFFIXES))}); with `test_every: {spec.test_every}` "
            f"it takes at least {spec.test_every} to have a test image"
        )
        raise DataError(UNSUITABLE, _FIELD, message)
    pixels = np.stack([_square(path, spec) for path in paths])
    test = np.arange(len(paths)) % spec.test_every == spec.test_every - 1
    return Source.of(Images(pixels[~test]), Images(pixels[test]), levels=256)


def _square(path: Path, spec: Folder) -> np.ndarray:
    """The largest centred square, averaged down to uint8 [size, size, channels]."""
    pixels = picture(path, spec.channels, _FIELD)
    height, width, channels = pixels.shape
    side = min(height, width)
    if side < spec.size:
        message = f"{path} has {width}×{height} pixels, too few for `size: {spec.size}`; lower `size` or remove it"
        raise DataError(UNSUITABLE, "data.source.size", message)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[top : top + side, left : left + side].squeeze(-1 if channels == 1 else ())
    small = Image.fromarray(square).resize((spec.size, spec.size), Image.Resampling.BOX)
    return np.asarray(small).reshape(spec.size, spec.size, channels)
