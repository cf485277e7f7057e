"""The sources that come with the installed packages."""

import subprocess
import sys

import numpy as np
import pytest
import skimage.data
import sklearn.datasets

from gudspec.data import DataError, open_source
from gudspec.data.sources import files
from gudspec.data.sources.patches import shrink, split_patches
from gudspec.spec.models.data import Digits, Photos, Textures


def test_digits_are_those_of_scikit_learn():
    source = open_source(Digits(kind="digits"))
    assert (len(source.train), len(source.test), source.shape) == (1437, 360, (8, 8, 1))
    assert (source.levels, source.classes, source.validation) == (17, 10, None)
    assert source.train.pixels.dtype == np.uint8
    ours = np.concatenate([source.train.pixels, source.test.pixels]).reshape(-1, 64)
    labels = np.concatenate([source.train.labels, source.test.labels])
    theirs = sklearn.datasets.load_digits()
    expected = np.column_stack([theirs.data, theirs.target]).astype(int).tolist()
    assert sorted(np.column_stack([ours, labels]).tolist()) == sorted(expected)
    assert len(set(source.test.labels.tolist())) == 10


def test_digits_split_never_changes():
    assert open_source(Digits(kind="digits")).test.labels[:12].tolist() == [7, 8, 8, 4, 6, 4, 8, 0, 3, 1, 6, 3]


def test_opening_bundled_sources_imports_neither_jax_nor_their_packages():
    code = (
        "import sys; from gudspec.data import open_source; from gudspec.spec.models.data import Digits, Photos;"
        "open_source(Digits(kind='digits')); open_source(Photos(kind='photos'));"
        "print([m for m in ('jax', 'grain', 'sklearn', 'skimage', 'h5py') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_photos_are_colour_patches_of_the_photographs():
    source = open_source(Photos(kind="photos", size=16, downscale=1, stride=16))
    assert source.shape == (16, 16, 3)
    assert (source.levels, source.classes, source.train.pixels.dtype) == (256, 0, np.uint8)
    np.testing.assert_array_equal(source.train.pixels[0], skimage.data.astronaut()[:16, :16])
    np.testing.assert_array_equal(source.train.pixels[1], skimage.data.astronaut()[:16, 16:32])
    np.testing.assert_array_equal(source.test.pixels[0], skimage.data.astronaut()[:16, -102:-86])


def test_photos_have_more_images_than_dimensions_by_default():
    source = open_source(Photos(kind="photos"))
    assert source.shape == (32, 32, 3)
    assert len(source.train) > 5 * 32 * 32 * 3
    assert len(source.test) > 2000


@pytest.mark.parametrize(("name", "channels"), [("immunohistochemistry", 3), ("grass", 1), ("brick", 1), ("gravel", 1)])
def test_textures(name, channels):
    source = open_source(Textures(kind="textures", name=name, size=8, stride=8, downscale=1))
    original = getattr(skimage.data, name)().reshape(512, 512, channels)
    assert source.shape == (8, 8, channels)
    assert (len(source.train), len(source.test)) == (64 * 51, 64 * 12)  # 410 and 102 columns
    np.testing.assert_array_equal(source.train.pixels[52], original[8:16, 8:16])


@pytest.mark.parametrize(("size", "stride"), [(4, 1), (5, 3), (16, 4), (20, 7)])
def test_train_and_test_patches_share_no_pixel(size, stride):
    shapes = [(40, 61), (20, 41), (33, 50), (19, 90)]
    numbers = iter(range(10**6))
    pictures = [
        np.array([next(numbers) for _ in range(h * w)]).reshape(h, w, 1) for h, w in shapes
    ]  # every pixel named
    train, test = split_patches(pictures, size, stride)
    assert train.shape[1:] == test.shape[1:] == (size, size, 1)
    assert not set(train.ravel()) & set(test.ravel())
    for patch in np.concatenate([train, test]):  # and each patch is a contiguous square of one picture
        assert len(set(np.diff(patch[..., 0], axis=0).ravel())) == 1
        assert set(np.diff(patch[..., 0], axis=1).ravel()) == {1}


def test_photos_of_the_spec_share_no_pixel_either(monkeypatch):
    """The whole way, with shrinking: blocks of the original are named by their value."""
    picture = np.arange(12 * 20, dtype=np.uint8).reshape(12, 20, 1).repeat(3, 0).repeat(3, 1).repeat(3, 2)
    monkeypatch.setattr("gudspec.data.sources.photos.picture", lambda *_: picture)
    source = open_source(Photos(kind="photos", size=4, stride=1, downscale=3))
    assert not set(source.train.pixels.ravel()) & set(source.test.pixels.ravel())


def test_patches_that_do_not_fit():
    with pytest.raises(DataError, match=r"patches of 200×200 do not fit.*lower `size` or `downscale`") as caught:
        open_source(Photos(kind="photos", size=200, downscale=2))
    assert (caught.value.code, caught.value.field) == ("GUD403", "data.source.size")


def test_a_package_without_its_file():
    with pytest.raises(DataError, match=r"cannot find .*atlantis\.png.*`skimage`.*install it again") as caught:
        files.bundled("skimage", "data", "atlantis.png")
    assert caught.value.code == "GUD401"
    with pytest.raises(DataError, match="`skimage_of_old` is not installed"):
        files.bundled("skimage_of_old", "x.png")


def test_shrink_is_the_rounded_mean_of_blocks():
    pixels = np.random.default_rng(0).integers(256, size=(3, 7, 9, 2), dtype=np.uint8)
    small = shrink(pixels, 3)
    assert (small.shape, small.dtype) == ((3, 2, 3, 2), np.uint8)
    for row in range(2):
        for column in range(3):
            block = pixels[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3].astype(float)
            assert np.abs(small[:, row, column] - block.mean((1, 2))).max() <= 0.5
    np.testing.assert_array_equal(shrink(pixels, 1), pixels)
    np.testing.assert_array_equal(shrink(np.full((1, 4, 4, 1), 255, np.uint8), 4), [[[[255]]]])
