"""How large the images of a source are, and of how many classes, without reading any."""

import zipfile
from pathlib import Path

import numpy as np

from gudspec.spec.models.data import AnySource, Npz, Shape
from gudspec.spec.sources import classes, shape

__all__ = ["image_of"]


def image_of(source: AnySource) -> tuple[Shape, int]:
    """(H, W, C) and number of classes; of an archive, by the heads of its arrays.

    Archives do not tell the number of classes before they are read: labels are then taken to be of 10.

    Raises:
        ValueError: the archive cannot be read.
    """
    if not isinstance(source, Npz):
        known = shape(source)
        assert known is not None, "only archives keep the shape of their images to themselves"
        return known, classes(source) or 0
    try:
        with zipfile.ZipFile(Path(source.path).expanduser()) as archive:
            with archive.open("train.npy") as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                found = read(file)[0]
            labelled = "train_labels.npy" in archive.namelist()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"the images of {source.path} have no shape until it can be opened ({error})") from None
    if len(found) != 4:
        raise ValueError(f"`train` of {source.path} has the shape {list(found)}, not [n, height, width, channels]")
    return (int(found[1]), int(found[2]), int(found[3])), 10 if labelled else 0
