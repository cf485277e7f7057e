"""The same run on other devices and other processes is the same run."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.engine import cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(cluster.TEXT)
    return path


@pytest.fixture(scope="module")
def alone(spec: Path) -> Path:
    """On one process with four devices."""
    workdir = spec.parent / "alone"
    cluster.succeed("run", spec, "--workdir", workdir, devices=4)
    return workdir


@pytest.mark.parametrize(
    ("processes", "devices", "mesh"),
    [(1, 1, ()), (2, 2, ()), (4, 1, ()), (2, 2, ("--mesh", "data=2,fsdp=2")), (2, 1, ("--set", "train.accumulate=4"))],
)
def test_results_do_not_depend_on_the_topology(
    spec: Path, alone: Path, tmp_path: Path, processes: int, devices: int, mesh: tuple[str, ...]
) -> None:
    """Losses of 50 steps, the likelihood and the samples; only the first process says anything."""
    results = cluster.succeed("run", spec, "--workdir", tmp_path / "w", *mesh, processes=processes, devices=devices)
    np.testing.assert_allclose(cluster.losses(tmp_path / "w"), cluster.losses(alone), atol=1e-5)
    assert f"steps on {processes * devices} device(s)" in results[0][1]
    for code, out, err in results[1:]:
        assert code == 0
        assert "loss" not in out + err
        assert "report" not in out + err
    expected, found = cluster.summary(alone), cluster.summary(tmp_path / "w")
    assert found["nll_bits_per_dim"] == pytest.approx(expected["nll_bits_per_dim"], abs=1e-4)
    for name, count in (("grid", 9), ("flow", 8)):
        images = [np.load(workdir / "samples" / f"{name}.npz")["images"] for workdir in (alone, tmp_path / "w")]
        assert images[0].shape == images[1].shape == (count, 8, 8, 1)
        np.testing.assert_allclose(images[0], images[1], atol=2e-3)


def test_saved_on_two_by_two_and_continued_elsewhere(spec: Path, alone: Path, tmp_path: Path) -> None:
    half = ("--set", "train.steps=20", "--set", "evaluate=[]", "--set", "sample=[]")
    fsdp = ("--mesh", "data=2,fsdp=2")
    cluster.succeed("run", spec, "--workdir", tmp_path / "saved", *half, *fsdp, processes=2, devices=2)
    for processes, devices in ((1, 1), (1, 8), (2, 2)):
        workdir = tmp_path / f"{processes}x{devices}"
        shutil.copytree(tmp_path / "saved", workdir)
        mesh = fsdp if devices == 2 else ()
        results = cluster.succeed("run", spec, "--workdir", workdir, *mesh, processes=processes, devices=devices)
        assert "continuing at step 20" in results[0][1]
        np.testing.assert_allclose(cluster.losses(workdir), cluster.losses(alone), atol=1e-5)


def test_eval_and_sample_on_several_processes(alone: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    shutil.copytree(alone, workdir)
    cluster.succeed("eval", workdir, "--set", "evaluate.0.images=10", processes=2, devices=2)
    assert cluster.summary(workdir)["evaluations"][0]["images"] == 10
    first, second = cluster.succeed("sample", workdir, "--count", "5", "--seed", "3", processes=2, devices=1)
    assert "grid-5-seed3" in first[1]
    assert "grid-5-seed3" not in second[1]
