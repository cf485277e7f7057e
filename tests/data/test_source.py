"""Images in memory."""

import numpy as np
import pytest

from gudspec.data.source import Images

TEN = Images(np.arange(10, dtype=np.float32).reshape(10, 1, 1, 1), labels=np.arange(10, dtype=np.int32))


@pytest.mark.parametrize("count", range(1, 11))
def test_images_are_spread_evenly(count: int) -> None:
    labels = TEN.spread(count).labels
    assert labels is not None
    assert len(set(labels)) == count
    assert labels[0] == 0
    gaps = np.diff([*labels, 10])
    assert gaps.max() - gaps.min() <= 1


def test_more_images_than_there_are_come_again() -> None:
    labels = TEN.spread(25).labels
    assert labels is not None
    np.testing.assert_array_equal(labels, np.arange(25) % 10)
