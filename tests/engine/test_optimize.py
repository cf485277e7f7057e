"""`gudspec optimize` on trained runs: what it writes can be run and drawn, and what cannot be searched is refused."""

from pathlib import Path

import numpy as np
import pytest

import gudspec
from gudspec.cli.main import main
from gudspec.engine.optimize import Asked, optimize
from gudspec.errors import Refused
from gudspec.spec.load import load, loads
from gudspec.spec.models.schedules import KnotsSchedule

TEXT = """
gudspec: 1
name: searched
data: {source: {kind: digits}}
design: {schedule: {kind: sequential, inverse_softness: 0.5, gamma: {min: -9, max: 5}}}
objective: {prediction: edm, measure: {kind: independent}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 2, batch_size: 16, ema: 0.5, log_every: 1}
evaluate: [{name: bound, kind: bound, images: 16, batch_size: 16, times: 2}]
"""
RANGE = "design.schedule.inverse_softness={low: 0.3, high: 0.7, value: 0.5}"
FEW = {"steps": 4, "batch_size": 8, "times": 2, "images": 16, "evaluations": 2}


def trained(folder: Path, *overrides: str) -> Path:
    gudspec.run(loads(TEXT, overrides), folder / "run")
    return folder / "run"


@pytest.mark.slow
def test_knots_become_a_spec_of_the_same_design(tmp_path: Path) -> None:
    workdir = trained(tmp_path)
    found = optimize(workdir, Asked(pieces=4, **FEW))
    assert found.search == "knots"
    assert isinstance(found.found, KnotsSchedule)
    assert len(found.found.values) == 8
    assert np.isfinite([found.gain, found.standard_error]).all()
    assert found.images == 16
    assert abs(found.before - found.after - found.gain) < 1e-6
    output = tmp_path / "better.yaml"
    output.write_text(found.text)
    assert gudspec.lint(output) == []
    better = load(output)
    assert better.evaluate[0].path == better.sample[0].path == found.found
    # the run is of the same design: nothing is trained again, and the new path is measured
    result = gudspec.run(better, workdir)
    (measured,) = result.summary["evaluations"]
    assert measured["name"] == "bound-optimized"
    assert np.isfinite(measured["value"])
    assert (workdir / "samples" / "samples-optimized.png").exists()


@pytest.mark.slow
def test_swept_parameters_stay_in_their_range(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workdir = trained(tmp_path, "objective.measure={kind: path}", RANGE)
    output = tmp_path / "better.yaml"
    with pytest.raises(SystemExit) as end:
        main(["optimize", str(workdir), "--steps", "3", "--batch-size", "4", "--images", "4", "--output", str(output)])
    assert not end.value.code
    said = capsys.readouterr().out
    assert "gain" in said
    assert "inverse_softness" in said
    assert gudspec.lint(output) == []
    (value,) = load(output).evaluate[0].at.values()
    assert 0.3 <= value <= 0.7
    # the hull of so narrow a range is left by a path of two pieces
    with pytest.raises(Refused, match=r"leaves the trained region by \d"):
        optimize(workdir, Asked(search="knots", pieces=2, **FEW))


REFUSED = {
    "objective.measure={kind: path}": "its region has no room",
    "design.schedule={kind: linear}": "all components share γ",
}


@pytest.mark.slow
@pytest.mark.parametrize("override", REFUSED)
def test_where_there_is_nothing_to_search_it_is_said(override: str, tmp_path: Path) -> None:
    workdir = trained(tmp_path, override, "evaluate=[]")
    with pytest.raises(Refused, match=REFUSED[override]):
        optimize(workdir, Asked(**FEW))


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["optimize", str(tmp_path)])
    assert end.value.code == 2
    assert "is not a workdir" in capsys.readouterr().err
