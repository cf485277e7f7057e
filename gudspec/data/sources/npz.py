"""Images from a NumPy archive."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from gudspec.data.errors import MALFORMED, DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import existing
from gudspec.spec.models.data import Npz

__all__ = ["read"]

_FIELD = "data.source.path"
_REMEDY = "write it with numpy.savez(path, train=…, test=…), each [n, height, width, channels]"
_NAMES = ("train", "test", "train_labels", "test_labels")


def read(spec: Npz) -> Source:
    """The archive's `train` and `test` images, and their labels if both have them."""
    path = existing(Path(spec.path).expanduser(), _FIELD, _REMEDY)
    arrays = _load(path)
    for name in ("train", "test"):
        if name not in arrays:
            raise _malformed(path, f"it has no array `{name}`")
        arrays[name] = _pixels(path, name, arrays[name], spec.levels)
    if arrays["train"].shape[1:] != arrays["test"].shape[1:]:
        shapes = f"{list(arrays['train'].shape[1:])} and {list(arrays['test'].shape[1:])}"
        raise _malformed(path, f"images of `train` and `test` differ in shape: {shapes}")
    if ("train_labels" in arrays) != ("test_labels" in arrays):
        raise _malformed(path, "only one of `train_labels` and `test_labels` is there: give both or none")
    train, test = (Images(arrays[name], _labels(path, name, arrays)) for name in ("train", "test"))
    labels = [images.labels for images in (train, test) if images.labels is not None]
    classes = 1 + max((int(array.max()) for array in labels), default=-1)
    return Source.of(train, test, levels=spec.levels, classes=classes)


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in _NAMES if name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _malformed(path, f"it cannot be read ({error})") from error


def _pixels(path: Path, name: str, pixels: np.ndarray, levels: int | None) -> np.ndarray:
    if pixels.ndim != 4 or not pixels.size:
        raise _malformed(path, f"`{name}` has shape {list(pixels.shape)}, not [n, height, width, channels]")
    if levels is None:
        if pixels.dtype.kind != "f":
            raise _malformed(path, f"`{name}` is {pixels.dtype}, but `levels: null` asks for floats around [−1, 1]")
        if not np.isfinite(pixels).all():
            raise _malformed(path, f"`{name}` has values that are not finite")
        return pixels.astype(np.float32)
    if pixels.dtype != np.uint8:
        remedy = "; `levels: null` reads floats" if pixels.dtype.kind == "f" else ""
        raise _malformed(path, f"`{name}` is {pixels.dtype}, but `levels: {levels}` asks for uint8{remedy}")
    if pixels.max() >= levels:
        raise _malformed(path, f"`{name}` has the value {pixels.max()}, but `levels: {levels}` ends at {levels - 1}")
    return pixels


def _labels(path: Path, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray | None:
    labels = arrays.get(f"{name}_labels")
    if labels is None:
        return None
    if labels.shape != (len(arrays[name]),) or labels.dtype.kind not in "iu" or labels.min() < 0:
        expected = f"one integer from 0 for each of the {len(arrays[name])} images"
        raise _malformed(path, f"`{name}_labels` is {labels.dtype} {list(labels.shape)}, not {expected}")
    return labels.astype(np.int32)


def _malformed(path: Path, why: str) -> DataError:
    return DataError(MALFORMED, _FIELD, f"{path}: {why}; {_REMEDY}")
