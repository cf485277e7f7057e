"""Several processes, when not all goes well: real ones, each with a supervisor."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.engine import cluster

pytestmark = pytest.mark.slow

CHANGES = ("--set", "train.steps=200", "--set", "evaluate=[]", "--set", "train.batch_size=8")
LONG = (*CHANGES, "--set", "train.steps=3000")
"""JAX takes a second or two to tell all processes."""


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(cluster.TEXT)
    return path


def until(running: list[subprocess.Popen[str]], ready: Callable[[], bool]) -> None:
    """Waits until something is so; fails if a process ends before."""
    end = time.monotonic() + 300
    while not ready():
        assert time.monotonic() < end
        assert all(process.poll() is None for process in running), cluster.finish(running)
        time.sleep(0.01)


def lines(workdir: Path) -> int:
    file = workdir / "metrics.jsonl"
    return file.read_text().count("\n") if file.exists() else 0


def worker(process: subprocess.Popen[str]) -> int:
    """The process that computes, below its supervisor."""
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


@pytest.mark.parametrize("present", [0, 1])
def test_a_missing_process_is_a_message_within_a_minute(spec: Path, tmp_path: Path, present: int) -> None:
    before = time.monotonic()
    running = cluster.start(("run", spec, "--workdir", tmp_path / "w"), processes=2, missing=(1 - present,))
    ((code, _, errors),) = cluster.finish(running)
    assert code == 1
    assert time.monotonic() - before < 60
    assert f"not all processes came (process {present} of 2, which meet at localhost:" in errors
    assert "Traceback" not in errors
    assert "*** Check failure stack trace" not in errors
    assert not (tmp_path / "w").exists()


def test_auto_without_a_cluster_is_refused(spec: Path, tmp_path: Path) -> None:
    arguments = ("run", spec, "--workdir", tmp_path / "w", "--coordinator", "auto")
    ((code, _, errors),) = cluster.gudspec(*arguments)
    assert code == 2, errors
    assert errors.startswith("no other processes were found: `--coordinator auto` needs")
    assert "lost" not in errors
    assert "Traceback" not in errors


def test_how_long_to_wait_can_be_told(spec: Path, tmp_path: Path) -> None:
    before = time.monotonic()
    arguments = ("run", spec, "--workdir", tmp_path / "w", "--meeting-seconds", 5)
    ((code, _, errors),) = cluster.finish(cluster.start(arguments, processes=2, missing=(1,)))
    assert code == 1
    assert time.monotonic() - before < 35
    assert "not all processes came (process 0 of 2, which meet at localhost:" in errors


def test_sigterm_while_a_process_is_missing(spec: Path, tmp_path: Path) -> None:
    """It ends before whoever stops it loses patience, not when the meeting does."""
    arguments = ("run", spec, "--workdir", tmp_path / "w", "--meeting-seconds", 300)
    running = cluster.start(arguments, processes=2, missing=(1,))
    time.sleep(12)  # it waits
    before = time.monotonic()
    running[0].send_signal(signal.SIGTERM)
    ((code, _, errors),) = cluster.finish(running)
    assert code == 75, errors
    assert "interrupted while starting" in errors
    assert time.monotonic() - before < 60


@pytest.mark.parametrize("lost", [0, 1])
def test_a_process_that_dies_ends_the_others_with_a_message(spec: Path, tmp_path: Path, lost: int) -> None:
    workdir = tmp_path / "w"
    running = cluster.start(("run", spec, "--workdir", workdir, *CHANGES), processes=2)
    until(running, (workdir / "checkpoints" / "10").exists)  # steps are faster than the disk
    os.kill(worker(running[lost]), signal.SIGKILL)
    before = time.monotonic()
    results = cluster.finish(running)
    assert time.monotonic() - before < 60
    assert [code for code, _, _ in results] == [1, 1]
    assert "this process ended by SIGKILL" in results[lost][2]
    other = results[1 - lost][2]
    assert "to continue" in other
    assert "Traceback" not in other
    again = cluster.gudspec("run", spec, "--workdir", workdir, *CHANGES, processes=2)
    assert [code for code, _, _ in again] == [0, 0], again
    assert re.search(r"continuing at step \d+0", again[0][1])


def test_sigterm_to_one_process_saves_all_at_the_same_step(spec: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    running = cluster.start(("run", spec, "--workdir", workdir, *LONG), processes=2)
    until(running, lambda: lines(workdir) >= 3)
    running[1].send_signal(signal.SIGTERM)
    results = cluster.finish(running)
    assert [code for code, _, _ in results] == [75, 75], results
    stopped = {int(step) for _, _, errors in results for step in re.findall(r"stopped at step (\d+) of 3000", errors)}
    assert len(stopped) == 1
    saved = max(int(path.name) for path in (workdir / "checkpoints").iterdir())
    assert stopped == {saved}
    # another topology goes on
    alone = cluster.succeed("run", spec, "--workdir", workdir, *CHANGES, "--set", f"train.steps={saved + 10}")
    assert f"continuing at step {saved}" in alone[0][1]


def test_sigterm_in_start_up_and_in_an_evaluation(spec: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    arguments = ("run", spec, "--workdir", workdir, "--set", "train.steps=10", "--set", "train.batch_size=8")
    points = "at={design.schedule.inverse_softness: {linspace: [0.8, 1.2, 30]}}"
    many = tuple(word for one in ("images=60", points) for word in ("--set", f"evaluate.0.{one}"))
    running = cluster.start((*arguments, *many), processes=2)
    time.sleep(5)  # Python has started, and minds signals
    running[0].send_signal(signal.SIGTERM)  # the other process comes too, or waits in vain
    codes = [code for code, _, _ in cluster.finish(running)]
    assert codes[0] == 75
    assert codes[1] in (1, 75)
    running = cluster.start((*arguments, *many), processes=2)
    until(running, (workdir / "results.json").exists)  # the first of 30 points
    running[0].send_signal(signal.SIGTERM)  # JAX takes a second or two to tell all processes
    results = cluster.finish(running)
    assert [code for code, _, _ in results] == [75, 75], results
    assert "the same command continues" in results[0][2]
    assert not (workdir / "summary.json").exists()
    cluster.succeed(*arguments, "--set", "evaluate=[]", processes=2)


def test_a_refusal_of_one_is_the_refusal_of_all(spec: Path, tmp_path: Path) -> None:
    wrong = cluster.gudspec("run", spec, "--workdir", tmp_path / "w", "--mesh", "data=3", processes=2)
    assert [code for code, _, _ in wrong] == [2, 2], wrong
    assert all("devices" in errors and "Traceback" not in errors for _, _, errors in wrong)


def test_a_part_that_one_process_cannot_read_is_damage_to_all(spec: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    short = ("--set", "train.steps=20", "--set", "evaluate=[]", "--set", "sample=[]", "--mesh", "data=1,fsdp=2")
    cluster.succeed("run", spec, "--workdir", workdir, *short, processes=2)
    part = workdir / "checkpoints" / "20" / "state" / "ocdbt.process_1"
    assert part.exists()
    shutil.rmtree(part)
    for file in (workdir / "checkpoints" / "20" / "state" / "d").glob("*"):
        file.write_bytes(file.read_bytes()[:64])
    (workdir / "report.html").unlink()
    results = cluster.succeed("run", spec, "--workdir", workdir, *short, processes=2)
    assert f"{workdir}/checkpoints/20 is damaged" in results[0][2]
    assert "is damaged" not in results[1][2]
    assert "continuing at step 10" in results[0][1]
    summary = json.loads((workdir / "summary.json").read_text())
    assert np.isfinite(summary["images_per_second"])
