"""A run that is stopped anywhere ends like one that was not; and rolling back. The engine is called directly."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from gudspec.cli.main import app
from gudspec.engine import loop
from gudspec.engine.compiled import Compiled
from gudspec.engine.main import Options, evaluate, run
from gudspec.errors import Diverged, Interrupted
from gudspec.spec.load import loads
from tests.engine.stop import StopAt

pytestmark = pytest.mark.slow

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design: {basis: {kind: pca}, schedule: {kind: linear}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 12, batch_size: 8, ema: 0.9, log_every: 2, optimizer: {learning_rate: 1e-3}}
evaluate: [{name: bound, kind: bound, images: 24, times: 2, batch_size: 8}]
sample: [{name: grid, count: 4, sampler: {kind: ddim, steps: 10}}]
checkpoint: {every: 3, keep: 2}
"""


def outcome(workdir: Path) -> dict[str, Any]:
    summary = json.loads((workdir / "summary.json").read_text())
    return {
        "parameters": summary["parameters_sha256"],
        "bound": summary["evaluations"][0]["value"],
        "images": np.load(workdir / "samples" / "grid.npz")["images"].tolist(),
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run that nothing stopped, and how often it asked whether to stop."""
    workdir, never = tmp_path_factory.mktemp("undisturbed") / "w", StopAt(0)
    run(loads(TEXT), workdir, options=Options(stop=never))
    return workdir, never.calls


def test_stopped_at_any_question_and_continued(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    """In start-up, in training, between batches of an evaluation, before a sample: every time the same end."""
    expected, calls = undisturbed
    assert calls == 1 + 12 + 3 + 1
    for call, reached in ((1, None), (2, 1), (6, 5), (12, 11), (13, 12), (14, 12), (15, 12), (17, 12)):
        workdir = tmp_path / str(call)
        with pytest.raises(Interrupted) as stopped:
            run(loads(TEXT), workdir, options=Options(stop=StopAt(call)))
        assert stopped.value.exit_code == 75
        saved = sorted(int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdigit())
        assert (saved[-1] if saved else None) == reached
        assert not (workdir / "summary.json").exists()
        run(loads(TEXT), workdir)
        assert outcome(workdir) == outcome(expected), call


def test_an_evaluation_repeats_no_batch(
    undisturbed: tuple[Path, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workdir, computed = tmp_path / "w", []
    take = Compiled.__call__

    def call(this: Compiled, *arguments: Any) -> Any:
        computed.append(this)
        return take(this, *arguments)

    with pytest.raises(Interrupted):  # before the last of three batches
        run(loads(TEXT), workdir, options=Options(stop=StopAt(1 + 12 + 3)))
    assert len(list((workdir / ".parts").iterdir())) == 2
    monkeypatch.setattr(Compiled, "__call__", call)
    run(loads(TEXT, ["sample=[]"]), workdir)
    assert len(computed) == 1
    assert not (workdir / ".parts").exists()
    summaries = [json.loads((one / "summary.json").read_text()) for one in (workdir, undisturbed[0])]
    assert summaries[0]["evaluations"][0]["value"] == summaries[1]["evaluations"][0]["value"]


def test_a_run_that_was_evaluated_half_way_goes_on(undisturbed: tuple[Path, int], tmp_path: Path) -> None:
    workdir = tmp_path / "w"
    with pytest.raises(Interrupted):
        run(loads(TEXT), workdir, options=Options(stop=StopAt(6)))
    assert evaluate(workdir).summary["steps"] == 5
    assert run(loads(TEXT), workdir).summary["steps"] == 12
    assert outcome(workdir) == outcome(undisturbed[0])


def test_checkpoints_lists_and_verifies(undisturbed: tuple[Path, int], tmp_path: Path) -> None:

    workdir = tmp_path / "w"
    shutil.copytree(undisturbed[0], workdir)
    listed = CliRunner().invoke(app, ["checkpoints", str(workdir), "--format", "json"])
    assert listed.exit_code == 0, listed.output
    rows = json.loads(listed.output)
    assert [(row["step"], row["state"], row["problem"]) for row in rows] == [(9, "intact", ""), (12, "intact", "")]
    provenance = json.loads((workdir / "provenance.json").read_text())
    assert all(row["design_hash"] == provenance["design_hash"] and row["version"] for row in rows)
    for file in (workdir / "checkpoints" / "9" / "state" / "d").iterdir():
        file.write_bytes(file.read_bytes()[:100])
    damaged = CliRunner().invoke(app, ["checkpoints", str(workdir)])
    assert damaged.exit_code == 1
    assert [line.split()[:2] for line in damaged.output.splitlines()] == [["9", "damaged"], ["12", "intact"]]
    assert CliRunner().invoke(app, ["checkpoints", str(workdir), "--list"]).exit_code == 0
    assert CliRunner().invoke(app, ["checkpoints", str(tmp_path)]).exception.exit_code == 2


class Poison:
    """Turns the loss of every step that sees one image into what a broken one would give."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, image: np.ndarray | None, loss: float):
        take = loop._Step.__call__
        self.seen: list[np.ndarray] = []

        def step(this: Any, state: Any, batch: Any) -> Any:
            pixels = np.asarray(batch["pixels"])
            self.seen.append(pixels)
            state, metrics = take(this, state, batch)
            if image is None or (pixels == image).all(axis=(1, 2, 3)).any():
                state = state._replace(parameters=jax.tree.map(lambda leaf: leaf * jnp.nan, state.parameters))
                metrics = {**metrics, "loss": jnp.float32(loss)}
            return state, metrics

        monkeypatch.setattr(loop._Step, "__call__", step)


def _image_of_step(monkeypatch: pytest.MonkeyPatch, workdir: Path, step: int) -> np.ndarray:
    with monkeypatch.context() as patch:
        seen = Poison(patch, np.full((8, 8, 1), 255, np.uint8), 0.0)
        run(loads(TEXT, ["evaluate=[]", "sample=[]"]), workdir)
    return seen.seen[step - 1][0]


@pytest.mark.parametrize("loss", [float("nan"), 1e9])
def test_rolling_back_leaves_the_images_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loss: float) -> None:
    image = _image_of_step(monkeypatch, tmp_path / "seen", 8)
    poison = Poison(monkeypatch, image, loss)
    changes = ["train.divergence=rollback", "evaluate=[]", "sample=[]"]
    run(loads(TEXT, changes), tmp_path / "w")
    skips = json.loads((tmp_path / "w" / "skipped.json").read_text())["skips"]
    assert skips == [[6, 16]], "back to the checkpoint of step 6, without the images of steps 7 and 8"
    assert len(poison.seen) == 8 + 6 or len(poison.seen) == 9 + 6  # the loss is read every few steps
    steps = [json.loads(line)["step"] for line in (tmp_path / "w" / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert steps[-1] == 12


class Explosion:
    """Parameters that explode in step 5, without a trace in the loss before step 7: at fault is what step 6 saves.

    Args:
        monkeypatch: where it is put into the train step.
        killed: after how many steps the process ends without a word; 0 never.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, killed: int = 0):
        take = loop._Step.__call__
        self.done: list[int] = []

        def step(this: Any, state: Any, batch: Any) -> Any:
            number = int(state.step) + 1
            broken = not max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(state.parameters)) < 1e20
            state, metrics = take(this, state, batch)
            if number == 5 and 5 not in self.done:
                state = state._replace(parameters=jax.tree.map(lambda leaf: leaf + 1e25, state.parameters))
            self.done.append(number)
            if len(self.done) == killed:
                raise KeyboardInterrupt
            # whatever the network makes of them, the loss tells only from step 7 on
            told = {"loss": jnp.float32(jnp.nan if broken and number > 6 else 1.0), "gradient_norm": jnp.float32(1.0)}
            return state, {**metrics, **told}

        monkeypatch.setattr(loop._Step, "__call__", step)


ROLLBACK = ["train.divergence=rollback", "evaluate=[]", "sample=[]"]


def test_rolling_back_goes_further_where_a_checkpoint_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    explosion = Explosion(monkeypatch)
    run(loads(TEXT, ROLLBACK), tmp_path / "w")
    kept = json.loads((tmp_path / "w" / "skipped.json").read_text())
    assert [start for start, _ in kept["skips"]] == [3], "what was left out from step 6 on is left out from step 3 on"
    assert kept["rollbacks"] == 2
    assert explosion.done[-9:] == list(range(4, 13)), "from step 3 on, all went well"
    checked = CliRunner().invoke(app, ["checkpoints", str(tmp_path / "w")])
    assert checked.exit_code == 0, checked.output


def test_what_starts_again_does_not_return_to_a_checkpoint_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of step 6 still lies there, after that of step 3."""
    with monkeypatch.context() as patch:
        whole = Explosion(patch)
        run(loads(TEXT, ROLLBACK), tmp_path / "whole")
    with monkeypatch.context() as patch:
        Explosion(patch, killed=len(whole.done) - 9 + 1)  # in the first step after it went back for the second time
        with pytest.raises(KeyboardInterrupt):
            run(loads(TEXT, ROLLBACK), tmp_path / "w")
    assert {"3", "6"} <= {path.name for path in (tmp_path / "w" / "checkpoints").iterdir()}
    run(loads(TEXT, ROLLBACK), tmp_path / "w")
    ends = [json.loads((tmp_path / name / "summary.json").read_text())["parameters_sha256"] for name in ("whole", "w")]
    assert ends[0] == ends[1]


def test_the_last_checkpoint_is_not_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Explosion(monkeypatch)
    with pytest.raises(Diverged, match=r"after rolling back once; there is no checkpoint before .*/6, from"):
        run(loads(TEXT, [*ROLLBACK, "checkpoint={every: 6, keep: 1}"]), tmp_path / "w")
    assert (tmp_path / "w" / "checkpoints" / "6").exists()


def test_stopping_is_what_a_spec_gets_that_does_not_ask_for_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = _image_of_step(monkeypatch, tmp_path / "seen", 8)
    Poison(monkeypatch, image, float("nan"))
    with pytest.raises(Diverged, match=r"loss is nan at step 8; the last good checkpoint is .*/6\.") as diverged:
        run(loads(TEXT), tmp_path / "w")
    assert diverged.value.exit_code == 3


def test_rolling_back_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Poison(monkeypatch, None, float("nan"))
    with pytest.raises(Diverged, match="at step 1 after rolling back 10 times; none was saved") as diverged:
        run(loads(TEXT, ["train.divergence=rollback", "checkpoint.every=1"]), tmp_path / "w")
    assert diverged.value.exit_code == 3
