import os
from pathlib import Path

import numpy as np
import pytest

from gudspec.known import glance, keep
from gudspec.spec.load import loads

NAMES = ("variance", "extremes")
ARRAYS = {"variance": np.ones((4, 4, 1)), "extremes": np.array([0.1, 2.0])}
BASE = "gudspec: 1\nname: a\ndata: {source: {kind: npz, path: images.npz}}\n"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("images.npz").write_bytes(b"1")


def test_what_is_kept_is_seen_until_a_file_changes() -> None:
    experiment = loads(BASE)
    assert glance(experiment, NAMES) is None
    keep(experiment, ARRAYS)
    seen = glance(experiment, NAMES)
    assert seen is not None
    assert all(np.array_equal(seen[name], ARRAYS[name]) for name in NAMES)
    os.utime("images.npz", (0, 0))
    assert glance(experiment, NAMES) is None
    keep(experiment, ARRAYS)
    Path("images.npz").unlink()
    assert glance(experiment, NAMES) is None


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("seed: 3", True),
        ("train: {steps: 5}", True),
        ("design: {schedule: {kind: cosine}}", True),  # its ends are open too
        ("design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}", False),
        ("design: {basis: {kind: pca}}", False),
        ("design: {prior: {kind: isotropic, scale: 2.0}}", False),
    ],
)
def test_only_what_decides_the_statistics_tells_them_apart(other: str, same: bool) -> None:
    keep(loads(BASE), ARRAYS)
    assert (glance(loads(f"{BASE}{other}\n"), NAMES) is not None) == same


def test_a_broken_file_is_not_known(tmp_path: Path) -> None:
    keep(loads(BASE), ARRAYS)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(b"no archive")
    assert glance(loads(BASE), NAMES) is None
