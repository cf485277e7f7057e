"""The handwritten digits that scikit-learn ships (UCI optical recognition of handwritten digits, its test set)."""

import numpy as np

from gudspec.data.shuffle import permutation
from gudspec.data.source import Images, Source
from gudspec.data.sources.files import bundled
from gudspec.spec.models.data import Digits

__all__ = ["read"]

_TEST = 360
_SEED = 8 * 8  # the split belongs to the data, not to the run


def read(spec: Digits) -> Source:
    """1,437 training and 360 test images, 8×8×1, 17 grey levels, ten classes.

    The file is sorted by writer: it is shuffled once, for ever, so that both splits have all writers and classes.
    """
    table = np.loadtxt(bundled("sklearn", "datasets", "data", "digits.csv.gz"), delimiter=",", dtype=np.int32)
    table = table[permutation(len(table), _SEED, stream=0)]
    images = Images(table[:, :64].astype(np.uint8).reshape(-1, 8, 8, 1), table[:, 64])
    rows = np.arange(len(images))
    return Source.of(images.take(rows[:-_TEST]), images.take(rows[-_TEST:]), levels=17, classes=10)
