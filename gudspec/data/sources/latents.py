"""Latents that `gudspec encode` has written."""

import dataclasses
import hashlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from etils import epath

from gudspec.data.encoded import Encoded
from gudspec.data.errors import MALFORMED, MISSING, UNSUITABLE, DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import existing
from gudspec.spec.models.data import Latents

__all__ = ["read"]

_PATH, _AUTOENCODER = "data.source.path", "data.source.autoencoder"
_REMEDY = "`gudspec encode WORKDIR --output FILE` writes it"
_SPLITS = ("train", "test", "validation")


def read(spec: Latents) -> Source:
    """The archive's latents, with their labels and what makes their likelihood one of images.

    Raises:
        DataError: archive or autoencoder are missing or malformed, or the one was not written from the other.
    """
    path = existing(Path(spec.path).expanduser(), _PATH, _REMEDY)
    arrays = _load(path)
    encoded = _encoded(path, arrays, spec.autoencoder)
    _same(path, encoded)
    splits = {name: _images(path, name, arrays, encoded) for name in _SPLITS if name in arrays}
    for name in ("train", "test"):
        if name not in splits:
            raise _malformed(path, f"it has no array `{name}`")
    shapes = {images.shape for images in splits.values()}
    if len(shapes) > 1:
        raise _malformed(path, f"its splits differ in shape: {', '.join(map(str, sorted(shapes)))}")
    if spec.shape not in (None, *shapes):
        found = list(splits["train"].shape)
        raise DataError(
            UNSUITABLE, "data.source.shape", f"{path} holds latents of {found}, not {list(spec.shape or ())}"
        )
    source = Source.of(
        splits["train"], splits["test"], validation=splits.get("validation"), levels=None, classes=encoded.classes
    )
    identity = f"{source.fingerprint}|{encoded.design_hash}|{encoded.parameters_sha256}|{encoded.sampled}"
    return dataclasses.replace(source, encoded=encoded, fingerprint=hashlib.sha256(identity.encode()).hexdigest())


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _malformed(path, f"it cannot be read ({error})") from error


def _encoded(path: Path, arrays: dict[str, np.ndarray], workdir: str) -> Encoded:
    try:
        facts: dict[str, Any] = json.loads(str(arrays["autoencoder"]))
        return Encoded(**{**facts, "workdir": workdir, "shape": tuple(facts["shape"])})
    except (KeyError, TypeError, ValueError) as error:
        raise _malformed(path, "it does not say which autoencoder it is from") from error


def _same(path: Path, encoded: Encoded) -> None:
    """Refuses an autoencoder that did not write the archive."""
    folder = epath.Path(encoded.workdir).expanduser()
    found = {}
    for name, key in (("provenance.json", "design_hash"), ("summary.json", "parameters_sha256")):
        try:
            found[key] = str(json.loads((folder / name).read_text())[key])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{folder} is no finished run: it has no {name}; `autoencoder` names the autoencoder's workdir"
            raise DataError(MISSING, _AUTOENCODER, message) from error
    what = {"design_hash": "of other images or another design", "parameters_sha256": "trained to other parameters"}
    for key, why in what.items():
        if (there := getattr(encoded, key)) != found[key]:
            message = (
                f"{path} was written from another autoencoder: {key} {there[:12]}… there, {found[key][:12]}… in "
                f"{folder}, which is {why}; encode again, or name the workdir that it is from"
            )
            raise DataError(UNSUITABLE, _AUTOENCODER, message)


def _images(path: Path, name: str, arrays: dict[str, np.ndarray], encoded: Encoded) -> Images:
    latents, labels, rest = (arrays.get(key) for key in (name, f"{name}_labels", f"{name}_remainder"))
    if latents is None or latents.ndim != 4 or not latents.size or latents.dtype.kind != "f":
        raise _malformed(path, f"`{name}` is no array of latents, [n, height, width, channels]")
    if not np.isfinite(latents).all():
        raise _malformed(path, f"`{name}` has values that are not finite")
    for what, array in (("labels", labels), ("remainder", rest)):
        if array is not None and array.shape != (len(latents),):
            raise _malformed(path, f"`{name}_{what}` has shape {list(array.shape)}, not [{len(latents)}]")
    if encoded.sampled and rest is None:
        raise _malformed(path, f"it has no array `{name}_remainder`")
    return Images(latents.astype(np.float32), None if labels is None else labels.astype(np.int32), rest)


def _malformed(path: Path, why: str) -> DataError:
    return DataError(MALFORMED, _PATH, f"{path}: {why}; {_REMEDY}")
