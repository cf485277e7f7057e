"""Finding and reading files, with errors that name the file and the remedy."""

import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from gudspec.data.errors import MALFORMED, MISSING, DataError

__all__ = ["bundled", "existing", "picture"]


def existing(path: Path, field: str, remedy: str) -> Path:
    """`path` itself, if it is there.

    Args:
        path: a file or folder.
        field: the field of the spec that led here.
        remedy: how to get what is missing, as a clause.

    Raises:
        DataError: it is not there.
    """
    try:
        path.stat()
    except OSError as error:
        where = "" if path.is_absolute() else f" (from {Path.cwd()})"
        raise DataError(MISSING, field, f"cannot find {path}{where}: {error.strerror}; {remedy}") from error
    return path


def bundled(package: str, *parts: str) -> Path:
    """A data file that a Python package ships; finding it does not import the package, which takes seconds.

    Args:
        package: the package's import name.
        *parts: the file inside the package.

    Raises:
        DataError: the package or the file is not installed.
    """
    found = importlib.util.find_spec(package)
    folders = found.submodule_search_locations if found else None
    remedy = f"gudspec reads it from the Python package `{package}`: install it again from its wheel"
    if not folders:
        raise DataError(MISSING, "data.source.kind", f"the package `{package}` is not installed; {remedy}")
    return existing(Path(folders[0]).joinpath(*parts), "data.source.kind", remedy)


def picture(path: Path, channels: int, field: str) -> np.ndarray:
    """Decodes an image file with 8 bits per channel.

    Args:
        path: the file.
        channels: 1 for grey, 3 for colour; a transparent image loses its transparency.
        field: the field of the spec that led here.

    Returns:
        uint8 [H, W, channels], upright.

    Raises:
        DataError: the file cannot be decoded.
    """
    try:
        with path.open("rb") as file, Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                message = f"{path} has more than 8 bits per channel (mode {image.mode}); convert it to 8 bits"
                raise DataError(MALFORMED, field, message)
            upright = ImageOps.exif_transpose(image)
            pixels = np.asarray(upright.convert("L" if channels == 1 else "RGB"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(MALFORMED, field, f"cannot read the image {path}: {error}; replace or remove it") from error
    return pixels.reshape(*pixels.shape[:2], channels)
