"""CIFAR-10 in either of its published formats."""

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from gudspec.data.errors import MALFORMED, DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import existing
from gudspec.spec.models.data import Cifar10

__all__ = ["read"]

_FIELD = "data.source.root"
_SIDE = 32
_BYTES = 3 * _SIDE * _SIDE
_TRAIN = [f"data_batch_{number}" for number in range(1, 6)]
_TEST = ["test_batch"]
_REMEDY = (
    "get `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz` from https://www.cs.toronto.edu/~kriz/cifar.html, "
    "unpack it, and let `root` name the folder of its batches or the folder around that"
)


def read(spec: Cifar10) -> Source:
    """50,000 training and 10,000 test images, 32×32×3, 256 levels, ten classes."""
    root = existing(Path(spec.root).expanduser(), _FIELD, _REMEDY)
    folders = (root, root / "cifar-10-batches-py", root / "cifar-10-batches-bin")
    formats = [(folder, suffix) for folder in folders for suffix in ("", ".bin")]
    found = (place for place in formats if os.path.exists(place[0] / (_TRAIN[0] + place[1])))
    folder, suffix = next(found, formats[0])
    decode = _decode_binary if suffix else _decode_python
    train, test = (
        _join([decode(existing(folder / (name + suffix), _FIELD, _REMEDY)) for name in names])
        for names in (_TRAIN, _TEST)
    )
    return Source.of(train, test, levels=256, classes=10)


def _decode_binary(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Records of one byte of label and 3,072 of image."""
    try:
        content = np.fromfile(path, dtype=np.uint8)
    except OSError as error:
        raise _malformed(path, str(error)) from error
    if content.size == 0 or content.size % (1 + _BYTES):
        raise _malformed(path, f"it has {content.size} bytes, not a positive multiple of {1 + _BYTES}")
    records = content.reshape(-1, 1 + _BYTES)
    return _checked(path, records[:, 1:], records[:, 0])


def _decode_python(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A pickled dictionary with `data` [n, 3072] and `labels`."""
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="bytes").load()
        pixels, labels = content[b"data"], np.asarray(content[b"labels"])
    except Exception as error:  # a broken pickle may raise anything
        raise _malformed(path, f"it is not a pickled batch ({type(error).__name__}: {error})") from error
    return _checked(path, pixels, labels)


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return np.empty(0).__reduce__()[0]  # the function itself, wherever this NumPy keeps it
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if (module, name) == ("_codecs", "encode"):  # how Python 3 writes bytes for Python 2
            return lambda text, encoding: text.encode(encoding)
        raise pickle.UnpicklingError(f"`{module}.{name}` has no place in it")


def _checked(path: Path, pixels: Any, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if getattr(pixels, "dtype", None) != np.uint8 or pixels.ndim != 2 or pixels.shape[1] != _BYTES:
        found = f"{getattr(pixels, 'dtype', type(pixels).__name__)} {list(getattr(pixels, 'shape', ()))}"
        raise _malformed(path, f"its images are {found}, not uint8 [n, {_BYTES}]")
    if labels.shape != (len(pixels),) or labels.dtype.kind not in "iu" or not np.isin(labels, range(10)).all():
        raise _malformed(path, "its labels are not one class from 0 to 9 per image")
    return pixels, labels


def _join(batches: list[tuple[np.ndarray, np.ndarray]]) -> Images:
    planes = np.concatenate([pixels for pixels, _ in batches]).reshape(-1, 3, _SIDE, _SIDE)
    labels = np.concatenate([labels for _, labels in batches])
    return Images(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels.astype(np.int32))


def _malformed(path: Path, why: str) -> DataError:
    return DataError(MALFORMED, _FIELD, f"{path} is not a CIFAR-10 batch: {why}; {_REMEDY}")
