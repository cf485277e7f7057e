"""The sources that read a user's files, on files written here in the published formats."""

import pickle
import typing

import h5py
import numpy as np
import pytest
from PIL import Image

from gudspec.data import DataError, open_source
from gudspec.spec.models.data import AnySource, Cifar10, Folder, Npz, Pcam


def problem(spec, code, *words, field="data.source.root"):
    """Opening `spec` fails with `code`, and the message has every word."""
    with pytest.raises(DataError) as caught:
        open_source(spec)
    assert (caught.value.code, caught.value.field) == (code, field), caught.value.message
    for word in words:
        assert word in caught.value.message
    return caught.value.message


def test_every_kind_of_source_has_its_module():
    kinds = [
        typing.get_args(model.model_fields["kind"].annotation)[0]
        for model in typing.get_args(typing.get_args(AnySource)[0])
    ]
    for kind in kinds:
        assert callable(__import__(f"gudspec.data.sources.{kind}", fromlist=["read"]).read)


# ── CIFAR-10 ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cifar():
    """Twelve images [12, 32, 32, 3] and labels: two for each of six batches, the last of which is the test batch."""
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(12, 32, 32, 3), dtype=np.uint8), rng.integers(10, size=12)


def write_cifar(folder, cifar, binary):
    folder.mkdir(parents=True)
    names = [f"data_batch_{number}" for number in range(1, 6)] + ["test_batch"]
    for number, name in enumerate(names):
        pixels, labels = (array[2 * number : 2 * number + 2] for array in cifar)
        planes = pixels.transpose(0, 3, 1, 2).reshape(2, 3072)
        if binary:
            (folder / f"{name}.bin").write_bytes(np.column_stack([labels.astype(np.uint8), planes]).tobytes())
        else:
            batch = {b"batch_label": b"a batch", b"labels": labels.tolist(), b"data": planes, b"filenames": [b"a.png"]}
            (folder / name).write_bytes(pickle.dumps(batch, protocol=2))


@pytest.mark.parametrize(("folder", "binary"), [("cifar-10-batches-py", False), ("cifar-10-batches-bin", True)])
def test_cifar10_in_both_formats_by_either_folder(tmp_path, cifar, folder, binary):
    write_cifar(tmp_path / folder, cifar, binary)
    prints = set()
    for root in (tmp_path, tmp_path / folder):
        source = open_source(Cifar10(kind="cifar10", root=str(root)))
        np.testing.assert_array_equal(source.train.pixels, cifar[0][:10])
        np.testing.assert_array_equal(source.train.labels, cifar[1][:10])
        np.testing.assert_array_equal(source.test.pixels, cifar[0][10:])
        assert (source.levels, source.classes, source.train.labels.dtype) == (256, 10, np.int32)
        prints.add(source.fingerprint)
    assert len(prints) == 1


def test_cifar10_as_python_2_wrote_it(tmp_path, cifar):
    """The published files were pickled by Python 2: text is bytes and NumPy still had its old modules."""
    write_cifar(tmp_path / "new", cifar, binary=False)
    (tmp_path / "old").mkdir()
    for path in (tmp_path / "new").iterdir():
        old = path.read_bytes().replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
        assert old != path.read_bytes()
        (tmp_path / "old" / path.name).write_bytes(old)
    source = open_source(Cifar10(kind="cifar10", root=str(tmp_path / "old")))
    np.testing.assert_array_equal(source.train.pixels, cifar[0][:10])


def test_cifar10_missing(tmp_path, cifar):
    spec = Cifar10(kind="cifar10", root=str(tmp_path / "nowhere"))
    problem(spec, "GUD401", str(tmp_path / "nowhere"), "https://www.cs.toronto.edu/~kriz/cifar.html", "unpack")
    problem(Cifar10(kind="cifar10", root=str(tmp_path)), "GUD401", "data_batch_1")
    problem(Cifar10(kind="cifar10", root="nowhere/at/all"), "GUD401", "nowhere/at/all (from /")
    write_cifar(tmp_path / "data", cifar, binary=True)
    (tmp_path / "data" / "data_batch_4.bin").unlink()
    problem(Cifar10(kind="cifar10", root=str(tmp_path / "data")), "GUD401", "data_batch_4.bin")


class Danger:
    def __reduce__(self):
        return print, ("this code must not run",)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"not a pickle", "not a pickled batch"),
        (b"", "not a pickled batch"),
        (pickle.dumps([1, 2]), "not a pickled batch"),
        (pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}), "float64 [2, 3072], not uint8"),
        (pickle.dumps({b"data": np.zeros((2, 99), np.uint8), b"labels": [0, 1]}), "uint8 [2, 99], not uint8 [n, 3072]"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}), "one class from 0 to 9"),
        (pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0]}), "one class from 0 to 9"),
        (pickle.dumps({b"data": Danger(), b"labels": [0]}, protocol=2), "has no place in it"),
    ],
)
def test_cifar10_malformed_pickles(tmp_path, cifar, content, why, capsys):
    write_cifar(tmp_path / "data", cifar, binary=False)
    (tmp_path / "data" / "data_batch_3").write_bytes(content)
    problem(Cifar10(kind="cifar10", root=str(tmp_path / "data")), "GUD402", "data_batch_3", why, "unpack it")
    assert not capsys.readouterr().out


def test_cifar10_truncated_binary(tmp_path, cifar):
    write_cifar(tmp_path / "data", cifar, binary=True)
    path = tmp_path / "data" / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-1])
    problem(Cifar10(kind="cifar10", root=str(tmp_path / "data")), "GUD402", "test_batch.bin", "6145 bytes")


# ── PatchCamelyon ───────────────────────────────────────────────────────────────────────────────────


def write_pcam(folder, counts=(5, 2, 3), seed=0):
    rng = np.random.default_rng(seed)
    folder.mkdir(exist_ok=True)
    written = {}
    for name, count in zip(("train", "valid", "test"), counts, strict=True):
        x = rng.integers(256, size=(count, 96, 96, 3), dtype=np.uint8)
        y = rng.integers(2, size=(count, 1, 1, 1), dtype=np.uint8)
        for key, array in (("x", x), ("y", y)):
            with h5py.File(folder / f"camelyonpatch_level_2_split_{name}_{key}.h5", "w") as file:
                file[key] = array
        written[name] = (x, y)
    return written


@pytest.mark.parametrize("factor", [1, 3])
def test_pcam(tmp_path, monkeypatch, factor):
    monkeypatch.setattr("gudspec.data.sources.pcam._CHUNK", 2)
    written = write_pcam(tmp_path / "pcam")
    spec = Pcam(kind="pcam", root=str(tmp_path / "pcam"), downscale=factor)
    first, second = open_source(spec), open_source(spec)  # the second comes from the cache
    side = 96 // factor
    for source in (first, second):
        assert (source.levels, source.classes, source.shape) == (256, 2, (side, side, 3))
        for name, images in (("train", source.train), ("valid", source.validation), ("test", source.test)):
            x, y = written[name]
            means = x.reshape(-1, side, factor, side, factor, 3).mean((2, 4))
            assert np.abs(images.pixels - means).max() <= 0.5
            np.testing.assert_array_equal(images.labels, y.ravel())
            assert (images.pixels.dtype, images.labels.dtype) == (np.uint8, np.int32)
    assert isinstance(second.train.pixels, np.memmap)
    assert first.fingerprint == second.fingerprint


def test_pcam_cache_follows_the_file(tmp_path):
    spec = Pcam(kind="pcam", root=str(tmp_path / "pcam"))
    write_pcam(tmp_path / "pcam", seed=0)
    first = open_source(spec)
    write_pcam(tmp_path / "pcam", seed=1, counts=(6, 2, 3))
    assert len(open_source(spec).train) == 6
    for cached in (tmp_path / "cache").iterdir():
        cached.write_bytes(b"\x93NUMPY broken")
    assert open_source(spec).fingerprint != first.fingerprint


def test_pcam_malformed(tmp_path):
    root = tmp_path / "pcam"
    spec = Pcam(kind="pcam", root=str(root))
    problem(spec, "GUD401", str(root), "https://github.com/basveeling/pcam", "gunzip")
    write_pcam(root)
    path = root / "camelyonpatch_level_2_split_valid_x.h5"
    whole = path.read_bytes()
    path.unlink()
    problem(spec, "GUD401", path.name)
    path.write_bytes(whole[:-100])
    problem(spec, "GUD402", path.name, "truncated")
    path.write_bytes(b"\x1f\x8b still packed")
    problem(spec, "GUD402", path.name, "gunzip")
    for array, why in (
        (np.zeros((2, 32, 32, 3), np.uint8), "uint8 [2, 32, 32, 3]"),
        (np.zeros((2, 96, 96, 3)), "float64"),
    ):
        with h5py.File(path, "w") as file:
            file["x"] = array
        problem(spec, "GUD402", path.name, why)
    with h5py.File(path, "w") as file:
        file["images"] = array
    problem(spec, "GUD402", path.name, "no array `x`")
    with h5py.File(path, "w") as file:
        file["x"] = np.zeros((7, 96, 96, 3), np.uint8)
    problem(spec, "GUD402", "valid_y.h5", "each of the 7 images")


# ── NumPy archives ──────────────────────────────────────────────────────────────────────────────────

IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)


def test_npz(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, train=IMAGES[:4], test=IMAGES[4:], train_labels=np.array([0, 2, 1, 0]), test_labels=np.array([1, 1]))
    source = open_source(Npz(kind="npz", path=str(path), levels=100))
    np.testing.assert_array_equal(source.train.pixels, IMAGES[:4])
    np.testing.assert_array_equal(source.test.labels, [1, 1])
    assert (source.levels, source.classes, source.train.labels.dtype) == (100, 3, np.int32)


def test_npz_of_real_values(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, train=IMAGES / 96.0, test=IMAGES[:1] / 96.0)
    source = open_source(Npz(kind="npz", path=str(path), levels=None))
    assert (source.levels, source.classes, source.train.pixels.dtype) == (None, 0, np.float32)


@pytest.mark.parametrize(
    ("arrays", "levels", "why"),
    [
        ({"test": IMAGES}, 256, "no array `train`"),
        ({"train": IMAGES}, 256, "no array `test`"),
        ({"train": IMAGES[..., 0], "test": IMAGES}, 256, "shape [6, 4, 4], not [n, height, width, channels]"),
        ({"train": IMAGES[:0], "test": IMAGES}, 256, "shape [0, 4, 4, 1]"),
        ({"train": IMAGES, "test": IMAGES[:, :2]}, 256, "differ in shape: [4, 4, 1] and [2, 4, 1]"),
        ({"train": IMAGES, "test": IMAGES}, 90, "the value 95, but `levels: 90` ends at 89"),
        ({"train": IMAGES.astype(int), "test": IMAGES}, 256, "int64, but `levels: 256` asks for uint8"),
        ({"train": IMAGES / 96, "test": IMAGES / 96}, 256, "`levels: null` reads floats"),
        ({"train": IMAGES, "test": IMAGES}, None, "uint8, but `levels: null` asks for floats"),
        ({"train": IMAGES * np.nan, "test": IMAGES / 96}, None, "not finite"),
        ({"train": IMAGES, "test": IMAGES, "train_labels": np.arange(6)}, 256, "give both or none"),
        (
            {"train": IMAGES, "test": IMAGES, "train_labels": np.arange(5), "test_labels": np.arange(6)},
            256,
            "`train_labels` is int64 [5], not one integer from 0 for each of the 6 images",
        ),
        ({"train": np.array([None]), "test": IMAGES}, 256, "cannot be read"),
    ],
)
def test_npz_malformed(tmp_path, arrays, levels, why):
    path = tmp_path / "images.npz"
    np.savez(path, **arrays)
    spec = Npz(kind="npz", path=str(path), levels=levels)
    problem(spec, "GUD402", str(path), why, "numpy.savez", field="data.source.path")


def test_npz_missing_truncated_or_something_else(tmp_path):
    path = tmp_path / "images.npz"
    spec = Npz(kind="npz", path=str(path))
    problem(spec, "GUD401", str(path), "numpy.savez", field="data.source.path")
    np.savez(path, train=IMAGES, test=IMAGES)
    path.write_bytes(path.read_bytes()[:-300])
    problem(spec, "GUD402", str(path), field="data.source.path")
    path.write_text("hello")
    problem(spec, "GUD402", str(path), field="data.source.path")
    with path.open("wb") as file:
        np.save(file, IMAGES)
    problem(spec, "GUD402", str(path), field="data.source.path")


# ── Folders ─────────────────────────────────────────────────────────────────────────────────────────


def write_pictures(folder, count, size=(8, 8), suffix=".png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", size, (number, 2 * number, 3 * number)).save(folder / f"{number:03}{suffix}")


def test_folder_in_sorted_order_every_third_for_testing(tmp_path):
    write_pictures(tmp_path / "b", 3)
    write_pictures(tmp_path / "a", 4, suffix=".bmp")
    (tmp_path / "a" / "notes.txt").write_text("not an image")
    (tmp_path / "a" / "._000.png").write_text("left by a Mac")
    source = open_source(Folder(kind="folder", root=str(tmp_path), size=4, test_every=3))
    assert source.train.pixels[:, 0, 0, 0].tolist() == [0, 1, 3, 0, 2]
    assert source.test.pixels[:, 0, 0].tolist() == [[2, 4, 6], [1, 2, 3]]
    assert (source.shape, source.levels, source.train.labels) == ((4, 4, 3), 256, None)


def test_folder_crops_the_centre_and_averages_areas(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(8, 14, 3), dtype=np.uint8)
    for name in ("a", "b"):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    square = pixels[:, 3:11]
    source = open_source(Folder(kind="folder", root=str(tmp_path), size=4, test_every=2))
    means = square.reshape(4, 2, 4, 2, 3).mean((1, 3))
    assert np.abs(source.train.pixels[0] - means).max() <= 1
    grey = open_source(Folder(kind="folder", root=str(tmp_path), size=8, channels=1, test_every=2))
    np.testing.assert_array_equal(grey.test.pixels[0, ..., 0], np.asarray(Image.fromarray(square).convert("L")))


def test_folder_malformed(tmp_path):
    spec = Folder(kind="folder", root=str(tmp_path / "images"), size=4, test_every=2)
    problem(spec, "GUD401", str(tmp_path / "images"))
    (tmp_path / "images").mkdir()
    problem(spec, "GUD403", str(tmp_path / "images"), "holds 0 images", ".png")
    write_pictures(tmp_path / "images", 3)
    path = tmp_path / "images" / "001.png"
    path.write_bytes(path.read_bytes()[:40])
    problem(spec, "GUD402", str(path), "replace or remove it")
    path.write_text("hello")
    problem(spec, "GUD402", str(path))
    Image.new("RGB", (3, 9)).save(path)
    problem(spec, "GUD403", str(path), "3×9 pixels, too few for `size: 4`", field="data.source.size")
    Image.fromarray(np.zeros((9, 9), np.uint16)).save(path)
    problem(spec, "GUD402", str(path), "more than 8 bits")
