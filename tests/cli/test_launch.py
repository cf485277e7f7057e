import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import gudspec

TINY = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
network: {kind: unet, channels: 8, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 20, batch_size: 32, log_every: 5, ema: 0.9}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


TPU = ("--set", "launch={accelerator: 'v5e:4x4', image: i, queue: q, project: p, zone: z, setup: s}")


def test_overrides_pass_through(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gudspec(capsys, "launch", spec, "--on", "local", "--workdir", "w", "--set", "seed=3", "--dry-run")
    assert (code, out) == (0, f"gudspec run {spec} --workdir w --set seed=3\n")
    for platform in ("slurm", "gke-jobset", "tpu-vm", "skypilot"):
        arguments = ("--on", platform, "--workdir", "gs://b/w", *TPU, "--set", "seed=1234567", "--dry-run")
        code, out, _ = gudspec(capsys, "launch", spec, *arguments)
        assert code == 0
        assert "seed: 1234567\n" in out


@pytest.mark.parametrize(
    ("platform", "sets", "expected"),
    [
        ("tpu-vm", (), ["`launch.accelerator` is missing", "`launch.project`", "`launch.zone`", "`launch.setup`"]),
        ("gke-jobset", (), ["`launch.accelerator` is missing", "`launch.image`", "`launch.queue`"]),
        ("slurm", ("launch.accelerator=v5e:4x5",), ["GUD103", "did you mean `v5e:4x8`?"]),
        ("gke-jobset", (TPU[1], "mesh.data=8"), ["GUD308", "8 × 1 devices for 16 chips"]),
        ("gke-jobset", (TPU[1], "mesh.fsdp=3", "train.batch_size=48"), ["GUD308", "`fsdp: 3` does not divide 16"]),
        ("skypilot", (TPU[1], "train.batch_size=24"), ["GUD308", "a batch of 24 images"]),
        ("tpu-vm", (TPU[1], "launch.slices=2"), ["GUD105", "gke-jobset connects several"]),
    ],
)
def test_what_does_not_fit_is_refused(
    spec: Path, capsys: pytest.CaptureFixture[str], platform: str, sets: tuple[str, ...], expected: list[str]
) -> None:
    arguments = [word for one in sets for word in ("--set", one)]
    code, out, err = gudspec(capsys, "launch", spec, "--on", platform, "--workdir", "gs://b/w", *arguments, "--dry-run")
    assert (code, out) == (2, "")
    assert all(text in err for text in expected)


def test_a_workdir_that_would_be_lost_is_refused(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = gudspec(capsys, "launch", spec, "--on", "gke-jobset", "--workdir", "runs/a", *TPU, "--dry-run")
    assert code == 2
    assert "gs://BUCKET/FOLDER" in err


def test_a_mesh_for_other_devices_runs_elsewhere(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = gudspec(
        capsys, "launch", spec, "--on", "local", "--workdir", "w", *TPU, "--set", "mesh.data=1", "--dry-run"
    )
    assert code == 0
    assert "warning GUD308" in err


def test_a_missing_scheduler_is_named(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    code, _, err = gudspec(capsys, "launch", spec, "--on", "slurm", "--workdir", "w")
    assert code == 2
    assert "`sbatch`, which is not installed here" in err


@pytest.mark.parametrize("command", ["launch SPEC --on slurm --dry-run", "sweep SPEC --on slurm --dry-run", "runs ."])
def test_jax_is_not_imported(spec: Path, command: str) -> None:
    spec.write_text(TINY + "sweep: {grid: {seed: [0, 1]}}\n")
    arguments = command.replace("SPEC", str(spec)).split()
    if arguments[0] != "runs":
        arguments += ["--workdir", "w"]
    program = (
        f"import sys\nfrom gudspec.cli.main import main\ntry:\n    main({arguments!r})\n"
        "finally:\n    print([m for m in ('jax', 'flax', 'optax', 'ray', 'matplotlib') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=spec.parent)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")


@pytest.mark.slow
def test_two_processes_share_a_run(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gudspec", "launch", spec, "--on", "local", "--workdir", tmp_path / "w"),
            *("--set", "launch.processes=2"),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[0] tiny: " in done.stdout
    assert "20 steps on 2 device(s)" in done.stdout
    assert json.loads((tmp_path / "w/provenance.json").read_text())["processes"] == 2
    assert json.loads((tmp_path / "w/summary.json").read_text())["steps"] == 20
