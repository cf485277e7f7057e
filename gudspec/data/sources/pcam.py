"""PatchCamelyon (arXiv:1806.03962) as published, shrunk to the size of GUD's experiments (§5.2)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from gudspec.data.cache import cached_path, replace_file
from gudspec.data.errors import MALFORMED, DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import existing
from gudspec.data.sources.patches import shrink
from gudspec.spec.models.data import Pcam

__all__ = ["read"]

_FIELD = "data.source.root"
_SIDE = 96
_CHUNK = 1024
_REMEDY = (
    "get the six files (x and y of train, valid and test) from https://github.com/basveeling/pcam, unpack them with "
    "`gunzip`, and let `root` name their folder"
)


def read(spec: Pcam) -> Source:
    """262,144 training, 32,768 validation and 32,768 test images, two classes, 256 levels.

    The first reading shrinks 7 GB to about 1 and keeps that in the cache; later ones map it into memory.
    """
    root = existing(Path(spec.root).expanduser(), _FIELD, _REMEDY)
    paths = {
        (split, array): existing(root / f"camelyonpatch_level_2_split_{split}_{array}.h5", _FIELD, _REMEDY)
        for split in ("train", "valid", "test")
        for array in "xy"
    }
    train, valid, test = (
        _images(paths[split, "x"], paths[split, "y"], spec.downscale) for split in ("train", "valid", "test")
    )
    return Source.of(train, test, validation=valid, levels=256, classes=2)


def _images(x_path: Path, y_path: Path, factor: int) -> Images:
    with _array(y_path, "y") as array:
        labels = array[...].reshape(-1)
    pixels = _small(x_path, factor)
    if labels.shape != (len(pixels),) or not np.isin(labels, (0, 1)).all():
        raise _malformed(y_path, f"`y` is not one label, 0 or 1, for each of the {len(pixels)} images")
    return Images(pixels, labels.astype(np.int32))


def _small(path: Path, factor: int) -> np.ndarray:
    """The shrunk images, from the cache if this very file was shrunk before."""
    status = path.stat()
    cached = cached_path("pcam", str(path.resolve()), status.st_size, status.st_mtime_ns, factor, suffix=".npy")
    try:
        small: np.ndarray = np.load(cached, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        small = _shrink_file(path, factor)
        replace_file(cached, lambda file: np.save(file, small, allow_pickle=False))
    return small


def _shrink_file(path: Path, factor: int) -> np.ndarray:
    with _array(path, "x") as array:
        if array.shape[1:] != (_SIDE, _SIDE, 3) or array.dtype != np.uint8 or not len(array):
            raise _malformed(path, f"`x` is {array.dtype} {list(array.shape)}, not uint8 [n, {_SIDE}, {_SIDE}, 3]")
        small = np.empty((len(array), _SIDE // factor, _SIDE // factor, 3), np.uint8)
        for start in range(0, len(small), _CHUNK):
            part = slice(start, start + _CHUNK)
            small[part] = shrink(array[part], factor)
    return small


@contextmanager
def _array(path: Path, key: str) -> Iterator[h5py.Dataset]:
    """The array `key` of an HDF5 file, with its reading errors named."""
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get(key), h5py.Dataset):
                raise _malformed(path, f"it has no array `{key}`")
            yield file[key]
    except OSError as error:  # truncated, not HDF5, or a damaged chunk
        raise _malformed(path, str(error)) from error


def _malformed(path: Path, why: str) -> DataError:
    return DataError(MALFORMED, _FIELD, f"{path} is not a PatchCamelyon file: {why}; {_REMEDY}")
