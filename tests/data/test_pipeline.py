"""The laws of the order in which images are seen."""

import subprocess
import sys
import time

import numpy as np
import pytest

from gudspec.data import Images
from gudspec.data.pipeline import indices, stream

PHASES = ((7, 4), (3, 12), (5, 2))  # 28 + 36 + 10 images
TOTAL = 15


def everything(seed=0, size=10, batches=PHASES):
    steps = sum(steps for steps, _ in batches)
    return np.concatenate([indices(seed, step, batches, size) for step in range(steps)])


def images(n=10, labels=True):
    pixels = np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 3, 1), np.uint8)
    return Images(pixels, np.arange(n, dtype=np.int32) if labels else None)


def test_batches_have_the_size_of_their_phase():
    sizes = [len(indices(0, step, PHASES, 10)) for step in range(TOTAL)]
    assert sizes == [4] * 7 + [12] * 3 + [2] * 5
    assert indices(0, 0, PHASES, 10).dtype == np.int64


@pytest.mark.parametrize("size", [1, 3, 10, 37, 74])
def test_every_epoch_is_a_permutation_across_phases_and_batches(size):
    seen = everything(size=size)
    assert len(seen) == 74
    for epoch in range(74 // size):
        assert sorted(seen[epoch * size : (epoch + 1) * size]) == list(range(size))


def test_the_order_does_not_depend_on_the_batches():
    np.testing.assert_array_equal(everything(batches=PHASES), everything(batches=((2, 37),)))
    np.testing.assert_array_equal(everything(batches=PHASES), everything(batches=((74, 1),)))


def test_the_order_depends_on_the_seed_and_the_epoch():
    first, second = everything(size=37).reshape(2, 37)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, everything(seed=1, size=37)[:37])


def test_a_pure_function():
    step = 8
    before = indices(3, step, PHASES, 10)
    for other in (0, 14, 2):
        indices(4, other, PHASES, 11)
    np.testing.assert_array_equal(indices(3, step, PHASES, 10), before)


def test_the_order_is_fixed_for_ever():
    assert indices(0, 0, ((1, 12),), 12).tolist() == [0, 2, 11, 9, 1, 8, 5, 4, 3, 10, 6, 7]
    assert indices(12345678901234567890, 1, ((2, 12),), 12).tolist() == [2, 10, 7, 3, 8, 11, 5, 9, 1, 6, 0, 4]


@pytest.mark.parametrize("step", [-1, TOTAL, 10**9])
def test_no_such_step(step):
    with pytest.raises(IndexError, match="the run has 15 steps"):
        indices(0, step, PHASES, 10)


def test_skipped_images_are_left_out_and_the_others_keep_their_order():
    whole = np.concatenate([everything(), everything(batches=((30, 4),))[74:]])
    np.testing.assert_array_equal(indices(0, 3, PHASES, 10), whole[12:16])
    np.testing.assert_array_equal(indices(0, 3, PHASES, 10, skipped=8), whole[20:24])
    batches = stream(images(), seed=0, batches=PHASES, skipped=lambda step: 8 * (step >= 3))
    labels = np.concatenate([next(batches)["labels"] for _ in range(5)])
    np.testing.assert_array_equal(labels, np.concatenate([whole[:12], whole[20:28]]))


def test_stream_delivers_the_indices_in_order():
    batches = list(stream(images(), seed=5, batches=PHASES))
    assert len(batches) == TOTAL
    for step, batch in enumerate(batches):
        rows = indices(5, step, PHASES, 10)
        np.testing.assert_array_equal(batch["labels"], rows)
        np.testing.assert_array_equal(batch["pixels"], images().pixels[rows])
        assert (batch["pixels"].dtype, batch["labels"].dtype) == (np.uint8, np.int32)


@pytest.mark.parametrize("start", [0, 6, 7, 8, 14, 15])
def test_resuming_equals_skipping(start):
    whole = list(stream(images(), seed=0, batches=PHASES))
    resumed = list(stream(images(), seed=0, batches=PHASES, start=start))
    assert len(resumed) == TOTAL - start
    for expected, found in zip(whole[start:], resumed, strict=True):
        np.testing.assert_array_equal(found["pixels"], expected["pixels"])


@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_processes_sees_the_same_images(count):
    parts = [
        list(stream(images(), seed=0, batches=PHASES, rows=lambda size, i=index: np.arange(size)[i::count]))
        for index in range(count)
    ]
    for step in range(TOTAL):
        expected = indices(0, step, PHASES, 10)
        for index, part in enumerate(parts):
            np.testing.assert_array_equal(part[step]["labels"], expected[index::count])


def test_a_batch_costs_a_fraction_of_a_step():
    """CPU time of the training loop, which no other process changes: the quickstart's steps take 60 ms."""
    many = Images(np.zeros((2000, 32, 32, 3), np.uint8))
    batches = stream(many, seed=0, batches=((300, 128),))
    next(batches)
    spent = []
    for _ in range(200):
        before = time.thread_time()
        next(batches)
        spent.append(time.thread_time() - before)
    assert np.median(spent) < 1e-3


def test_without_labels_there_are_none():
    assert list(next(stream(images(labels=False), seed=0, batches=PHASES))) == ["pixels"]


def test_stream_is_silent():
    code = (
        "import numpy as np; from gudspec.data import Images; from gudspec.data.pipeline import stream;"
        "it = stream(Images(np.zeros((10, 2, 2, 1), np.uint8)), seed=0, batches=((10**9, 4),));"
        "[next(it) for _ in range(100)]"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
