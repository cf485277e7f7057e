"""The same run on other devices and other processes is the same run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gudspec.data.pipeline import indices
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
    """The same numbers and images as on one."""
    values, images = [], []
    for processes in (1, 2):
        workdir = tmp_path / str(processes)
        shutil.copytree(alone, workdir)
        cluster.succeed("eval", workdir, "--set", "evaluate.0.images=10", processes=processes, devices=2)
        (evaluation,) = cluster.summary(workdir)["evaluations"]
        assert evaluation["images"] == 10
        values.append(evaluation["value"])
        drawn = cluster.succeed("sample", workdir, "--count", "5", "--seed", "3", processes=processes, devices=1)
        assert ["grid-5-seed3" in said for _, said, _ in drawn] == [True, False][:processes]
        images.append(np.load(workdir / "samples" / "grid-5-seed3.npz")["images"])
    assert values[0] == pytest.approx(values[1], abs=1e-4)
    np.testing.assert_allclose(*images, atol=2e-3)


PLACED = """
import sys
import jax, numpy as np
from gudspec.data import Images
from gudspec.data.pipeline import stream
from gudspec.engine.mesh import local_rows, place_rows
from gudspec.engine.processes import Meeting, connect
port, processes, process, folder = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
connect(Meeting(f"localhost:{port}", processes, process))
mesh = jax.make_mesh((2, processes), ("data", "fsdp"), axis_types=(jax.sharding.AxisType.Auto,) * 2)
images = Images(np.arange(100, dtype=np.int32).reshape(-1, 1, 1, 1))
steps = stream(images, seed=3, batches=((5, 24),), rows=lambda size: local_rows(size, mesh))
seen = []
for _ in range(5):
    batch = next(steps)
    placed = place_rows(batch, 24, mesh)["pixels"]
    here = {shard.index[0].start: np.asarray(shard.data).ravel() for shard in placed.addressable_shards}
    seen.append(np.concatenate([here[start] for start in sorted(here)]))
    assert sorted(seen[-1]) == sorted(batch["pixels"].ravel())
np.savez(f"{folder}/{process}.npz", rows=local_rows(24, mesh), seen=np.stack(seen))
"""


def test_processes_share_a_batch_exactly(tmp_path: Path) -> None:
    """The images of the processes are disjoint, and together they are the batch that one process would see."""
    port, environment = cluster.free_port(), {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PLACED, str(port), "2", str(index), str(tmp_path)],
            env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        )
        for index in range(2)
    ]
    assert [process.wait(timeout=200) for process in running] == [0, 0]
    parts = [np.load(tmp_path / f"{index}.npz") for index in range(2)]
    rows = np.concatenate([part["rows"] for part in parts])
    assert sorted(rows) == list(range(24))
    found = np.concatenate([part["seen"] for part in parts], axis=1)[:, np.argsort(rows)]
    expected = [indices(3, step, ((5, 24),), 100) for step in range(5)]
    np.testing.assert_array_equal(found, expected)
