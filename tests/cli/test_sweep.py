import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.test_commands import gudspec
from tests.cli.test_launch import TINY

pytestmark = pytest.mark.usefixtures("compiled_fast")
SWEEP = TINY + "sweep: {zip: {train.optimizer.learning_rate: [1e-3, 1e+30, 2e-3], seed: [0, 1, 2]}}\n"
NAMES = [f"tiny-learning_rate-{rate}-seed-{seed}" for seed, rate in enumerate(("0.001", "1e_30", "0.002"))]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(SWEEP)
    return path


def test_a_dry_run_lists_the_runs(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gudspec(
        capsys, "sweep", spec, "--on", "local", "--workdir", "d/", "--set", "train.ema=0.5", "--dry-run"
    )
    assert code == 0
    lines = [shlex.split(line) for line in out.splitlines()]
    assert [line[:8] for line in lines] == [
        ["gudspec", "run", str(spec), "--set", "train.ema=0.5", "--workdir", f"d/{name}", "--set"] for name in NAMES
    ]


def test_all_runs_are_checked_before_one_starts(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(TINY + "sweep: {grid: {design.basis: [{kind: pixel}, {kind: haar, levels: 9}]}}\n")
    code, out, err = gudspec(capsys, "sweep", spec, "--on", "local", "--workdir", "d", "--dry-run")
    assert (code, out) == (2, "")
    assert f"{spec}:7:46: error GUD201" in err
    assert "in the run `tiny-basis-kind_haar_levels_9` of the sweep" in err


@pytest.mark.parametrize(
    ("change", "arguments", "expected"),
    [
        ("sweep=null", ("--on", "local"), "has no `sweep`"),
        ("seed=0", ("--on", "gke-jobset", "--parallel", "2"), "Kueue decides"),
    ],
)
def test_refusals(
    spec: Path, capsys: pytest.CaptureFixture[str], change: str, arguments: tuple[str, ...], expected: str
) -> None:
    code, _, err = gudspec(capsys, "sweep", spec, *arguments, "--workdir", "d", "--set", change, "--dry-run")
    assert code == 2
    assert expected in " ".join(err.split())


def start(spec: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gudspec", "sweep", str(spec), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def statuses(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    rows = json.loads(gudspec(capsys, "runs", folder, "--format", "json")[1])
    return {row["name"]: row["status"] for row in rows}


@pytest.mark.slow
def test_a_sweep_goes_on_past_failures_and_continues(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = spec.parent / "d"
    arguments = ("--on", "local", "--workdir", str(folder), "--parallel", "2")
    running = start(spec, *arguments)
    deadline = time.time() + 300
    while not list(folder.glob("*/metrics.jsonl")) and time.time() < deadline:
        time.sleep(0.2)
    running.send_signal(signal.SIGTERM)
    out, _ = running.communicate(timeout=300)
    assert running.returncode == 75, out
    assert "waiting" in out or "interrupted" in out
    running = start(spec, *arguments)
    out, _ = running.communicate(timeout=500)
    assert running.returncode == 3, out
    assert out.count(" done ") == 2
    assert statuses(folder, capsys) == dict(zip(NAMES, ("done", "diverged", "done"), strict=True))


@pytest.mark.slow
def test_runs_that_differ_in_arguments_of_programs_compile_once(spec: Path) -> None:
    spec.write_text(TINY + "sweep: {grid: {seed: [0, 1]}}\n")
    out, _ = start(spec, "--on", "local", "--workdir", str(spec.parent / "d")).communicate(timeout=500)
    assert out.count(" done ") == 2
    assert len(list((spec.parent / "d" / "compilation-cache").glob("jit_step*-cache"))) == 1


@pytest.mark.slow
def test_a_sweep_on_ray(spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a real cluster of this machine."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    folder = spec.parent / "d"
    running = start(spec, "--on", "ray", "--workdir", str(folder))
    out, _ = running.communicate(timeout=500)
    assert running.returncode == 3, out
    assert f"[{NAMES[1]}] ended with code 3" in out
    assert statuses(folder, capsys) == dict(zip(NAMES, ("done", "diverged", "done"), strict=True))
