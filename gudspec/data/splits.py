"""The validation split, for sources that publish none."""

import hashlib
from dataclasses import replace

import numpy as np

from gudspec.data.errors import UNSUITABLE, DataError
from gudspec.data.shuffle import permutation
from gudspec.data.source import Source
from gudspec.spec.models.data import Data

__all__ = ["splits"]

_SEED = 0x5B117  # the split is part of the data: it must not follow the seed of the run


def splits(data: Data, source: Source) -> Source:
    """Carves `data.validation` off the training images unless the source publishes a validation split.

    The split is the last fraction of a fixed permutation, each part in the source's order. Patches of
    photographs overlap, so there a carved validation image shares pixels with training images; test images never do.

    Args:
        data: the `data` part of a spec.
        source: what `open_source(data.source)` returned.

    Returns:
        The source with its final `train` and `validation`; another fingerprint if they changed.

    Raises:
        DataError: the fraction leaves one of the two parts empty.
    """
    if source.validation is not None or data.validation == 0:
        return source
    total = len(source.train)
    held = round(total * data.validation)
    if not 0 < held < total:
        message = (
            f"`validation: {data.validation:g}` of {total} training images holds out {held} and trains on "
            f"{total - held}: both must be at least 1"
        )
        raise DataError(UNSUITABLE, "data.validation", message)
    order = permutation(total, _SEED, stream=0)
    return replace(
        source,
        train=source.train.take(np.sort(order[:-held])),
        validation=source.train.take(np.sort(order[-held:])),
        fingerprint=hashlib.sha256(f"{source.fingerprint}|validation={held}".encode()).hexdigest(),
    )
