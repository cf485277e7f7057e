"""Runs on one machine: whole, interrupted, damaged, refused."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design:
  basis: {kind: pca}
  schedule: {kind: soft_linear, inverse_softness: {low: 0.8, high: 1.2, value: 1.0}}
objective: {prediction: edm}
network: {kind: unet, channels: 8, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 120, batch_size: 32, ema: 0.9, log_every: 10, optimizer: {learning_rate: 1e-3}}
evaluate:
  - {name: bound, kind: bound, images: 100, times: 4, batch_size: 64}
  - name: nll
    kind: likelihood
    images: 16
    batch_size: 16
    rtol: 1e-2
    atol: 1e-2
    at: {design.schedule.inverse_softness: [0.9, 1.0]}
sample:
  - {name: grid, count: 9, sampler: {kind: ddim, steps: 5}}
checkpoint: {every: 25, keep: 3}
"""


def gudspec(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gudspec", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def spec(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "tiny.yaml"
    path.write_text(TEXT)
    return path


@pytest.fixture(scope="module")
def finished(spec: Path) -> Path:
    """A run that nothing disturbed."""
    workdir = spec.parent / "finished"
    result = gudspec("run", spec, "--workdir", workdir)
    assert result.returncode == 0, result.stderr
    assert "120/120" in result.stdout
    return workdir


def summary(workdir: Path) -> dict:
    return json.loads((workdir / "summary.json").read_text())


def test_a_workdir_holds_what_a_result_needs(finished: Path) -> None:
    found = summary(finished)
    assert found["steps"] == 120
    assert found["parameters"] > 0
    assert re.fullmatch("[0-9a-f]{64}", found["parameters_sha256"])
    assert found["images_per_second"] > 0
    assert found["wall_seconds"] > 0
    assert [(e["name"], e["images"], list(e["at"].values())) for e in found["evaluations"]] == [
        ("bound", 100, []),
        ("nll", 16, [0.9]),
        ("nll", 16, [1.0]),
    ]
    assert all(math.isfinite(e["value"]) and e["standard_error"] > 0 for e in found["evaluations"])
    assert found["nll_bits_per_dim"] == found["evaluations"][2]["value"]  # the nominal softness is 1.0
    assert 2 < found["gaussian_bits_per_dim"] < 4
    provenance = json.loads((finished / "provenance.json").read_text())
    assert provenance["design_hash"] == found["design_hash"]
    assert provenance["versions"]["jax"]
    lines = [json.loads(line) for line in (finished / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line["step"] % 10 == 0] == list(range(10, 121, 10))
    assert np.load(finished / "samples" / "grid.npz")["images"].shape == (9, 8, 8, 1)
    assert (finished / "samples" / "grid.png").stat().st_size > 100
    assert "inverse_softness" in (finished / "spec.resolved.yaml").read_text()
    assert str(round(found["nll_bits_per_dim"], 2))[:4] in (finished / "report.html").read_text()
    assert any((finished / "events").iterdir())


def test_the_baseline_is_of_the_images_that_were_evaluated(finished: Path) -> None:
    from gudspec.engine.prepare import gaussian_baseline, open_data
    from gudspec.spec.load import loads

    prepared = open_data(loads(TEXT))
    images = prepared.source.test.spread(16)
    assert summary(finished)["gaussian_bits_per_dim"] == pytest.approx(gaussian_baseline(prepared, images))


def test_running_again_says_so_and_changes_nothing(spec: Path, finished: Path) -> None:
    before = (finished / "summary.json").read_bytes()
    again = gudspec("run", spec, "--workdir", finished)
    assert again.returncode == 0
    assert "already finished" in again.stdout
    assert (finished / "summary.json").read_bytes() == before


def test_the_resolved_spec_reproduces_the_run(finished: Path) -> None:
    again = gudspec("run", finished / "spec.resolved.yaml", "--workdir", finished)
    assert again.returncode == 0
    assert "already finished" in again.stdout


@pytest.mark.parametrize("lines", [1, 6])
def test_killed_at_any_moment_and_resumed_is_bitwise_equal(
    spec: Path, finished: Path, tmp_path: Path, lines: int
) -> None:
    """kill -9 once so many intervals were written: before the first checkpoint, and between two later ones."""
    command = [sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(tmp_path / "w")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    metrics = tmp_path / "w" / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < lines):
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL, "the run was over before it could be killed"
    resumed = gudspec("run", spec, "--workdir", tmp_path / "w")
    assert resumed.returncode == 0, resumed.stderr
    assert summary(tmp_path / "w")["parameters_sha256"] == summary(finished)["parameters_sha256"]
    steps = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert steps == sorted(set(steps)), "an interval was written twice"


def test_sigterm_saves_and_exits_75(spec: Path, finished: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(tmp_path / "w")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "w" / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_text().count("\n") < 1):
        time.sleep(0.005)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert "the same command continues" in errors
    resumed = gudspec("run", spec, "--workdir", tmp_path / "w")
    assert "continuing at step" in resumed.stdout
    assert summary(tmp_path / "w")["parameters_sha256"] == summary(finished)["parameters_sha256"]


def test_a_damaged_checkpoint_is_named_and_the_one_before_is_used(spec: Path, finished: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    subprocess.run(["cp", "-r", finished, workdir], check=True)
    (workdir / "report.html").unlink()
    (workdir / "results.json").unlink()
    damaged = workdir / "checkpoints" / "120"
    for file in damaged.rglob("*"):
        if file.is_file() and file.stat().st_size > 5000:
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 0xFF
            file.write_bytes(content)
    resumed = gudspec("run", spec, "--workdir", workdir)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{damaged} is damaged" in resumed.stderr
    assert "continuing at step 100" in resumed.stdout
    assert summary(workdir)["parameters_sha256"] == summary(finished)["parameters_sha256"]
    repaired = gudspec("sample", workdir, "--count", "4")
    assert repaired.returncode == 0
    assert "damaged" not in repaired.stderr


def test_another_design_is_refused_with_its_fields(spec: Path, finished: Path) -> None:
    changes = ("--set", "network.channels=4", "--set", "seed=7")
    refused = gudspec("run", spec, "--workdir", finished, *changes)
    assert refused.returncode == 2
    assert "network.channels: 8 there, 4 here" in refused.stderr
    assert "seed: 0 there, 7 here" in refused.stderr


def test_more_steps_continue_a_finished_run(spec: Path, finished: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    subprocess.run(["cp", "-r", finished, workdir], check=True)
    longer = gudspec("run", spec, "--workdir", workdir, "--set", "train.steps=130", "--set", "evaluate=[]")
    assert longer.returncode == 0, longer.stderr
    assert "continuing at step 120" in longer.stdout
    assert summary(workdir)["steps"] == 130


def test_divergence_exits_3_and_names_the_last_good_checkpoint(spec: Path, tmp_path: Path) -> None:
    """The learning rate explodes after a few good steps."""
    changes = ("train.optimizer.learning_rate=1e12", "train.optimizer.warmup=0", "checkpoint.every=1")
    arguments = [argument for change in changes for argument in ("--set", change)]
    diverged = gudspec("run", spec, "--workdir", tmp_path / "w", *arguments)
    assert diverged.returncode == 3, diverged.stderr
    message = r"the (?:loss|gradient norm) is (nan|inf) at step (\d+); the last good checkpoint is \S+/(\d+)\."
    named = re.search(message, diverged.stderr)
    assert named, diverged.stderr
    assert int(named[3]) == int(named[2]) - 1
    assert "Traceback" not in diverged.stderr


def test_a_bad_spec_is_refused_before_anything_exists(spec: Path, tmp_path: Path) -> None:
    for change in ("train.stepps=3", "design.basis={kind: haar, levels: 4}", "train.batch_size=-1"):
        refused = gudspec("run", spec, "--workdir", tmp_path / "w", "--set", change)
        assert refused.returncode == 2
        assert "GUD" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert not (tmp_path / "w").exists()


def test_missing_data_says_what_was_looked_for(spec: Path, tmp_path: Path) -> None:
    source = f"data.source={{kind: cifar10, root: {tmp_path}/nowhere}}"
    refused = gudspec("run", spec, "--workdir", tmp_path / "w", "--set", source)
    assert refused.returncode == 2
    assert f"{tmp_path}/nowhere" in refused.stderr
    assert "GUD401" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("design.basis={kind: haar, levels: 2}", "halves the images 2 times, but they are 6×6"),
        ("network.multipliers=[1, 1, 1]", "halves the images 2 times, but they are 6×6"),
        ("network.labels=true", "the images have none"),
    ],
)
def test_what_only_the_opened_images_tell_is_refused_too(spec: Path, tmp_path: Path, change: str, message: str) -> None:
    """An archive has no shape and no labels before it is opened: the linter cannot know."""
    images = np.random.default_rng(0).integers(0, 256, size=(20, 6, 6, 1)).astype(np.uint8)
    np.savez(tmp_path / "odd.npz", train=images, test=images)
    source = f"data.source={{kind: npz, path: {tmp_path}/odd.npz}}"
    schedule = "design.schedule={kind: linear}"
    evaluation = "evaluate=[]"
    arguments = [argument for one in (source, schedule, evaluation, change) for argument in ("--set", one)]
    refused = gudspec("run", spec, "--workdir", tmp_path / "w", *arguments)
    assert refused.returncode == 2, refused.stderr
    assert message in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "w").exists()


def test_a_folder_that_is_no_workdir(tmp_path: Path) -> None:
    for command in (("eval",), ("sample", "--count", "1")):
        refused = gudspec(command[0], tmp_path, *command[1:])
        assert refused.returncode == 2
        assert "is not a workdir" in refused.stderr


def test_eval_and_sample(finished: Path, tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    subprocess.run(["cp", "-r", finished, workdir], check=True)
    evaluated = gudspec("eval", workdir, "--set", "evaluate.0.images=50")
    assert evaluated.returncode == 0, evaluated.stderr
    assert summary(workdir)["evaluations"][0]["images"] == 50
    refused = gudspec("eval", workdir, "--set", "network.channels=4")
    assert refused.returncode == 2
    sampled = gudspec("sample", workdir, "--count", "5", "--seed", "3")
    assert sampled.returncode == 0, sampled.stderr
    assert np.load(workdir / "samples" / "grid-5-seed3.npz")["images"].shape == (5, 8, 8, 1)


def test_sigterm_while_sampling_ends_with_the_entry_that_is_being_drawn(
    spec: Path, finished: Path, tmp_path: Path
) -> None:
    """What was drawn is kept, and what was not is drawn by the next start."""
    workdir = tmp_path / "w"
    shutil.copytree(finished, workdir)
    long = "{name: %s, count: 64, sampler: {kind: ddim, steps: 400}}"
    entries = f"sample=[{long % 'first'}, {long % 'second'}, {long % 'third'}]"
    command = [sys.executable, "-m", "gudspec", "run", str(spec), "--workdir", str(workdir), "--set", entries]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    (results := workdir / "results.json").unlink()
    end = time.monotonic() + 200
    while not (results.exists() and "first" in results.read_text()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 75, errors
    assert "the same command continues" in errors
    drawn = {path.stem for path in (workdir / "samples").glob("*.npz")}
    assert "first" in drawn
    assert "third" not in drawn
    assert subprocess.run(command, capture_output=True, timeout=300, check=False).returncode == 0
    assert {"first", "second", "third"} <= {path.stem for path in (workdir / "samples").glob("*.npz")}


def test_input_and_checkpoints_cost_little(tmp_path: Path) -> None:
    """`python -m benchmarks.saving` measures it: 0.7 % of the time waiting for input, 0.6 % saving every 100 steps."""
    quickstart = Path(__file__).parents[2] / "specs/quickstart.yaml"
    short = ("train.steps=100", "train.log_every=20", "checkpoint.every=100", "evaluate=[]", "sample=[]")
    done = gudspec("run", quickstart, "--workdir", tmp_path, *(word for one in short for word in ("--set", one)))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()][1:]
    total, waiting, saving = (
        sum(line[name] for line in lines) for name in ("seconds", "input_seconds", "checkpoint_seconds")
    )
    assert waiting < 0.03 * total
    assert saving < 0.1 * total
