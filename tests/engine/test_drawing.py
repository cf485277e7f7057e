"""Tasks over a trained run: what `sample` draws, writes and refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import gudspec
from gudspec.cli.main import main
from gudspec.engine.main import Options, draw
from gudspec.engine.prepare import open_data
from gudspec.errors import Interrupted
from gudspec.spec.load import loads
from tests.engine.stop import StopAt

SPEC = """
gudspec: 1
name: drawn
data: {source: {kind: digits}}
design: {schedule: {kind: linear, gamma: {min: -9, max: 5}}}
objective: {measure: {kind: mixture, measures: [{kind: path}, {kind: masked, by: pixels}], shares: [1, 1]}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, conditioning: pixels, labels: true, label_dropout: 0.1}
train: {steps: 2, batch_size: 16}
sample:
- {name: plain, count: 4, frames: 3, sampler: {kind: ancestral, steps: 5}}
- {name: sevens, count: 4, labels: [7], guidance: 2.0, sampler: {kind: dpm, steps: 5}}
- {name: there_and_back, count: 4, task: {kind: roundtrip}, sampler: {kind: ddim, steps: 5}}
- {name: between, count: 4, task: {kind: interpolate, points: 3}, sampler: {kind: ddim, steps: 5}}
"""
TASKS = """
sample:
- name: filled
  count: 3
  task: {kind: inpaint, mask: {kind: file, path: mask.npy}}
  sampler: {kind: ddim, steps: 5}
- name: columns
  count: 2
  path: {kind: sequential, inverse_softness: 0.5}
  sampler: {kind: ode, solver: heun, steps: 4}
- name: back
  count: 2
  task: {kind: roundtrip}
  sampler: {kind: ddim, steps: 5}
- name: again
  count: 2
  task: {kind: reconstruct, time: 0.5, draws: 3}
  sampler: {kind: ancestral, steps: 5}
"""


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn")
    gudspec.run(loads(SPEC), folder / "run")
    return folder / "run"


def arrays(workdir: Path, name: str) -> dict[str, np.ndarray]:
    with np.load(workdir / "samples" / f"{name}.npz") as archive:
        return dict(archive)


def command(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    return int(end.value.code or 0)


@pytest.mark.slow
def test_a_run_keeps_its_frames(workdir: Path) -> None:
    plain = arrays(workdir, "plain")
    assert plain["frames"].shape == (4, 3, 8, 8, 1)
    np.testing.assert_array_equal(plain["frames"][:, -1], plain["images"])
    with Image.open(workdir / "samples" / "plain.gif") as animation:
        assert animation.n_frames == 3
    assert arrays(workdir, "sevens")["images"].shape == (4, 8, 8, 1)


@pytest.mark.slow
def test_the_error_of_a_round_trip_is_reported(workdir: Path) -> None:
    """Root of the mean square over pixels; an interpolation begins at its image."""
    told = {one["name"]: one.get("error") for one in json.loads((workdir / "summary.json").read_text())["samples"]}
    for name, first in (("there_and_back", slice(None)), ("between", (slice(None), 0))):
        kept = arrays(workdir, name)
        assert told[name] == pytest.approx(np.sqrt(np.square(kept["images"][first] - kept["originals"]).mean()))
        assert told[name] > 0
    assert told["plain"] is None
    source = open_data(loads(SPEC)).source
    rows = np.arange(4) * len(source.test) // 4  # evenly spread, dequantized by noise
    given = (arrays(workdir, "there_and_back")["originals"] + 1) / 2 * source.levels - source.test.pixels[rows]
    assert (given > -1e-3).all()
    assert (given < 1 + 1e-3).all()
    assert f"{told['there_and_back']:.3g}"[:4] in (workdir / "report.html").read_text()


@pytest.mark.slow
def test_tasks_come_from_a_file_of_their_own(workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    hidden = np.zeros((8, 8), int)
    hidden[:4] = 1
    np.save("mask.npy", hidden)
    Path("task.yaml").write_text(TASKS, encoding="utf-8")
    assert command("sample", str(workdir), "--task", "task.yaml") == 0
    filled = arrays(workdir, "filled-3")
    assert filled["images"].shape == filled["originals"].shape == (3, 8, 8, 1)
    np.testing.assert_allclose(filled["images"][:, 4:], filled["originals"][:, 4:], atol=1e-5)
    assert not np.allclose(filled["images"][:, :4], filled["originals"][:, :4], atol=1e-2)
    assert arrays(workdir, "columns-2")["images"].shape == (2, 8, 8, 1)
    back = arrays(workdir, "back-2")
    assert set(back) == {"images", "originals", "latents"}
    assert arrays(workdir, "again-2")["images"].shape == (2, 3, 8, 8, 1)


@pytest.mark.slow
def test_a_sampler_of_the_command_line(workdir: Path) -> None:
    """Files say which; one noise leads both solvers to the same images, also where the entry asks for frames."""
    for sampler in ("{kind: dpm, steps: 40}", "ode"):
        assert command("sample", str(workdir), "--name", "plain", "--sampler", sampler, "--count", "2") == 0
    one, two = (arrays(workdir, f"plain-2-{name}")["images"] for name in ("dpm-steps-40", "ode"))
    assert one.shape == (2, 8, 8, 1)
    assert np.abs(one - two).mean() < 0.1 * one.std()


@pytest.mark.slow
def test_a_solver_that_gives_up_is_told(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sampler = "{kind: ode, rtol: 1e-30, atol: 1e-30}"
    assert command("sample", str(workdir), "--name", "plain", "--sampler", sampler, "--count", "2") == 0
    assert "2 of 2 samples have values that are not finite: the solver gave up" in capsys.readouterr().err


@pytest.mark.slow
def test_a_drawing_in_batches_repeats_none_after_an_interruption(workdir: Path) -> None:
    entries = "[{name: parts, count: 7, batch_size: 3, task: {kind: roundtrip}, sampler: {kind: ddim, steps: 5}}]"
    task = loads(SPEC, [f"sample={entries}"])
    parts = workdir / ".parts"
    with pytest.raises(Interrupted):  # the first check is that of the start, then one before each batch
        draw(workdir, experiment=task, options=Options(stop=StopAt(4)))
    kept = {file.name: file.stat().st_mtime_ns for file in parts.iterdir()}
    assert len(kept) == 2
    with pytest.raises(Interrupted):
        draw(workdir, experiment=task, options=Options(stop=StopAt(4)))
    assert {file.name: file.stat().st_mtime_ns for file in parts.iterdir()} == kept
    draw(workdir, experiment=task, options=Options(stop=StopAt(0)))
    interrupted = arrays(workdir, "parts-7")
    assert not parts.exists()
    draw(workdir, experiment=task)
    for name, array in arrays(workdir, "parts-7").items():
        np.testing.assert_array_equal(array, interrupted[name])
    # the images are those of one batch; the noise of the dequantization is that of each batch
    draw(workdir, experiment=loads(SPEC, [f"sample={entries.replace('batch_size: 3', 'batch_size: 7')}"]))
    whole = arrays(workdir, "parts-7")
    assert whole["images"].shape == interrupted["images"].shape == (7, 8, 8, 1)
    assert np.abs(whole["originals"] - interrupted["originals"]).max() < 2 / open_data(task).source.levels + 1e-6
    np.testing.assert_array_equal(whole["originals"][:3], interrupted["originals"][:3])
    assert not np.array_equal(whole["originals"][3:], interrupted["originals"][3:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "more", "said"),
    [("sample: []", (), "nothing to draw"), ("sample: [{name: a}]", ("--sampler", "dpm"), "says itself")],
)
def test_what_a_file_and_a_command_do_not_say_together(
    text: str, more: tuple[str, ...], said: str, workdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(text, encoding="utf-8")
    assert command("sample", str(workdir), "--task", str(task), *more) == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
def test_entries_with_one_number_begin_with_the_same_noise(workdir: Path, tmp_path: Path) -> None:
    entry = "{{name: {}, count: 4, noise: {}, labels: [7], sampler: {{kind: ddim, steps: {}}}}}"
    entries = ", ".join(entry.format(*one) for one in (("few", 0, 20), ("many", 0, 40), ("other", 1, 40)))
    task = tmp_path / "task.yaml"
    task.write_text(f"sample: [{entries}]", encoding="utf-8")
    assert command("sample", str(workdir), "--task", str(task)) == 0
    few, many, other = (arrays(workdir, f"{name}-4")["images"] for name in ("few", "many", "other"))
    assert np.abs(few - many).mean() < 0.3 * np.abs(other - many).mean()


BAD = {
    "{kind: inpaint, mask: {kind: rectangle, top: 6, left: 0, height: 4, width: 4}}": "GUD274",
    "{kind: inpaint, mask: {kind: file, path: small.npy}}": "GUD274",
    "{kind: inpaint, mask: {kind: file, path: none.npy}}": "GUD401",
    "{kind: upscale}": "GUD270",
    "{kind: extend}": "GUD270",
    "{kind: roundtrip}": "GUD276",
    "{kind: inpaint}": "GUD101",
}


@pytest.mark.slow
@pytest.mark.parametrize("task", BAD)
def test_what_cannot_be_drawn_is_said_with_its_place(
    task: str, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("small.npy", np.ones((4, 4)))
    Path("task.yaml").write_text(f"sample:\n- {{name: bad, task: {task}}}\n", encoding="utf-8")
    assert command("sample", str(workdir), "--task", "task.yaml") == 2
    said = capsys.readouterr()
    assert "task.yaml:2:" in said.out + said.err
    assert BAD[task] in said.out + said.err
