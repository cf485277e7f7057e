"""What programs have to know of the data, without reading any images."""

import zipfile
from pathlib import Path

import numpy as np

from gudspec.data.tables import read_mask
from gudspec.spec.models import Experiment
from gudspec.spec.models.data import AnySource, Npz, Shape
from gudspec.spec.models.tasks import FileMask, Inpaint
from gudspec.spec.sources import classes, shape

__all__ = ["image_of", "masks_of"]


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


def masks_of(experiment: Experiment, image: Shape) -> dict[str, np.ndarray]:
    """Contents of the files of masks, [H, W], by the name of the entry of `sample`.

    Raises:
        DataError: a file is missing, or is not what its field asks for.
    """
    return {
        entry.name: read_mask(entry.task.mask, image, f"sample.{index}.task.mask.path")
        for index, entry in enumerate(experiment.sample)
        if isinstance(entry.task, Inpaint) and isinstance(entry.task.mask, FileMask)
    }
