"""`gudspec compile`: what it tells of programs, what it refuses, and that a run finds what it has compiled."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from gudspec.ahead import main as ahead
from gudspec.cli.main import main

TEXT = """\
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design: {basis: {kind: pca}, schedule: {kind: soft_linear, inverse_softness: {low: 0.8, high: 1.2, value: 1.0}}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 3, batch_size: 8, ema: 0.9, log_every: 2, optimizer: {learning_rate: 1e-3}}
evaluate: [{name: bound, kind: bound, images: 8, times: 2, batch_size: 8}]
sample:
  - {name: grid, count: 3, sampler: {kind: ddim, steps: 3}}
  - {name: back, count: 2, task: {kind: reconstruct, time: 0.5}, sampler: {kind: ddim, steps: 3}}
"""
PROGRAMS = ["init", "train", "evaluate/bound", "sample/grid", "sample/back"]
OF_A_RUN = ("jit_init-", "jit_step-", "jit_evaluate-", "jit_sample-")
"""How the files of these programs begin in a cache."""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TEXT)
    return path


def gudspec(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return int(exit.value.code or 0), captured.out, captured.err


def test_what_xla_says_of_the_programs_of_a_section(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gudspec(capsys, "compile", spec, "--program", "sample", "--format", "json")
    found = json.loads(out)
    assert code == 0
    assert (found["devices"], found["target"], found["parameters"] > 1000) == (1, None, True)
    assert [one["name"] for one in found["programs"]] == PROGRAMS[3:]
    for one in found["programs"]:
        compiled = one["compiled"]
        assert one["memory_per_device"] == compiled["arguments"] + compiled["temporary"] + compiled["output"]
        assert compiled["arguments"] >= 4 * found["parameters"]
        assert compiled["collectives"] == {}
        assert set(one["seconds"]) == {"tracing", "lowering", "compiling"}
        assert one["seconds"]["compiling"] > 0
    few, back = (one["flops"] for one in found["programs"])
    # in as many steps, 3 images and 2 of which each is drawn 4 times
    assert back == pytest.approx(8 / 3 * few, rel=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--target", "16 chips"], "is no TPU slice"),
        (["--target", "v5e:2x2", "--devices", "4"], "--devices"),
        (["--target", "v5e:2x2", "--cache-dir", "c"], "--cache-dir"),
        (["--program", "test"], "--program"),
        (["--mesh", "data=4"], "GUD311"),
        (["--set", "data.source={kind: npz, path: nowhere.npz}"], "GUD316"),
        (["--set", "train.steps=0"], "GUD105"),
        (["--set", "sample.1.task={kind: inpaint, mask: {kind: file, path: none.npy}}"], "none.npy"),
    ],
)
def test_what_cannot_be_compiled_is_said(
    options: list[str], message: str, spec: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = gudspec(capsys, "compile", spec, *options)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.skipif(find_spec("libtpu") is not None, reason="libtpu is here")
def test_a_slice_needs_libtpu(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = gudspec(capsys, "compile", spec, "--target", "v5e:2x2")
    assert code == 2
    assert "pip install 'gudspec[tpu]'" in err


def test_a_program_that_does_not_compile_is_a_finding(
    spec: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise TypeError("shapes (3,) and (4,)\ndo not fit")

    monkeypatch.setattr(ahead, "compiled", broken)
    code, out, err = gudspec(capsys, "compile", spec, "--program", "sample")
    assert (code, out) == (2, "")
    assert "tiny.yaml:9:25: error GUD310: `sample/grid` cannot be traced: TypeError: shapes (3,) and (4,)" in err
    assert "`sample/back`" in err, "the others are still looked at"


@pytest.mark.slow
def test_a_run_finds_what_was_compiled(spec: Path, tmp_path: Path) -> None:
    """On as many devices, all of its programs: tasks, and devices that were asked for in another way, included."""
    cache = tmp_path / "cache"

    def kept(*arguments: object, **environment: str) -> tuple[set[str], str]:
        command = [sys.executable, "-m", "gudspec", *map(str, arguments), "--cache-dir", str(cache)]
        environment = {**os.environ, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", **environment}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        return {path.name for path in cache.iterdir() if path.name.startswith(OF_A_RUN)}, done.stdout

    before, told = kept("compile", spec, "--devices", 2, "--format", "json")
    programs = {one["name"]: one["compiled"]["collectives"] for one in json.loads(told)["programs"]}
    assert list(programs) == PROGRAMS
    assert set(programs["train"]) == {"all-reduce"}
    assert programs["sample/grid"] == {}
    assert sum(name.endswith("-cache") for name in before) == len(PROGRAMS)
    devices = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    after, _ = kept("run", spec, "--workdir", tmp_path / "w", **devices)
    assert {name for name in after if name.endswith("-cache")} == {name for name in before if name.endswith("-cache")}
