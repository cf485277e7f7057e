# ruff: noqa: E501 (a table reads best with one case a line)
import pytest

from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import load, loads, reads
from gudspec.spec.sweep import runs

BEGIN = "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\n"


def names(sweep: str) -> list[str]:
    return [run.name for run in runs(loads(f"{BEGIN}sweep: {sweep}"))]


@pytest.mark.parametrize(
    ("sweep", "expected"),
    [
        ("{grid: {seed: [1, 2], train.ema: [0.5, 0.9]}}", ["a-seed-1-ema-0.5", "a-seed-1-ema-0.9", "a-seed-2-ema-0.5", "a-seed-2-ema-0.9"]),
        ("{zip: {seed: [1, 2], train.ema: [0.5, 0.9]}}", ["a-seed-1-ema-0.5", "a-seed-2-ema-0.9"]),
        ("{grid: {seed: [1, 2]}, zip: {train.ema: [0.5]}}", ["a-seed-1-ema-0.5", "a-seed-2-ema-0.5"]),
        ("{grid: {train.ema: {linspace: [0.5, 0.75, 2]}}}", ["a-ema-0.5", "a-ema-0.75"]),
        ("{grid: {train.steps: [1], train.phases: [[{steps: 2, batch_size: 8}]]}}", ["a-steps-1-phases-steps_2_batch_size_8"]),
        # keys that end alike are told apart
        ("{grid: {train.optimizer.kind: [adam], design.basis.kind: [pixel]}}", ["a-optimizer.kind-adam-basis.kind-pixel"]),
        ("{grid: {objective.prediction: [edm, x]}}", ["a-prediction-edm", "a-prediction-x"]),
    ],
)  # fmt: skip
def test_names(sweep: str, expected: list[str]) -> None:
    assert names(sweep) == expected


def test_no_sweep_is_no_run() -> None:
    assert runs(loads(BEGIN)) == ()


def test_draws_are_random_reproducible_and_grow() -> None:
    def drawn(count: int, seed: int = 0) -> list[float]:
        over = "{train.optimizer.learning_rate: {low: 1.0e-5, high: 1.0e-3, log: true}}"
        sweep = f"sweep: {{random: {{count: {count}, seed: {seed}, over: {over}}}}}"
        text = BEGIN + sweep
        return [loads(text, run.overrides).train.optimizer.learning_rate for run in runs(loads(text))]

    assert drawn(20)[:5] == drawn(5)
    assert drawn(20) != drawn(20, seed=1)
    assert all(1e-5 <= value <= 1e-3 for value in drawn(200))
    assert 60 < sum(value < 1e-4 for value in drawn(200)) < 140  # half of them: the logarithm is uniform


def test_a_run_is_the_spec_with_its_values() -> None:
    text = BEGIN + "sweep: {grid: {design.basis: [{kind: haar, levels: 2}], train.phases.0.steps: [7]}}\n"
    text += "train: {phases: [{steps: 5, batch_size: 8}]}\n"
    (run,) = runs(loads(text))
    experiment = loads(text, run.overrides)
    assert experiment.design.basis.kind == "haar"
    assert experiment.train.phases[0].steps == 7
    assert experiment.sweep is None
    assert experiment.name == run.name


def test_overrides_reach_the_sweep(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BEGIN + "sweep: {grid: {seed: [1, 2]}}\n")
    assert len(runs(load(path, ["sweep.grid.seed=[1, 2, 3]"]))) == 3


@pytest.mark.parametrize(
    ("sweep", "code", "marked"),
    [
        ("{}", "GUD107", "{}"),
        ("{grid: {seed: []}}", "GUD107", "[]"),
        ("{grid: {seed: 3}}", "GUD102", "3"),
        ("{grid: {train.stepps: [1]}}", "GUD104", "stepps"),
        ("{grid: {trainn.steps: [1]}}", "GUD104", "trainn"),
        ("{grid: {train.steps: [1, two]}}", "GUD102", "two"),
        ("{grid: {train.ema: [0.5, 1.5]}}", "GUD105", "1.5"),
        ("{grid: {seed: [1, 2, 1]}}", "GUD127", "1"),
        ("{grid: {seed: [1]}, zip: {seed: [2]}}", "GUD127", "[2]"),
        ("{zip: {seed: [1, 2], train.steps: [1]}}", "GUD126", "{seed: [1, 2], train.steps: [1]}"),
        ("{grid: {name: [b]}}", "GUD014", "[b]"),
        ("{grid: {design.basis: [{kind: pixel}, {kind: haarr}]}}", "GUD103", "{kind: haarr}"),
        ("{grid: {a=b: [1]}}", "GUD104", "a"),
        ("{random: {count: 2, over: {}}}", "GUD107", "{random: {count: 2, over: {}}}"),
        ("{random: {count: 2, over: {train.ema: {low: 0.9, high: 0.1}}}}", "GUD120", "0.9"),
        ("{random: {count: 2, over: {train.ema: {low: 0, high: 0.1, log: true}}}}", "GUD105", "0"),
        ("{random: {count: 2, over: {train.steps: {low: 1, high: 9}}}}", "GUD102", "{low: 1, high: 9}"),
        ("{grid: {seed: {linspace: [0, 1, 1000]}, train.ema: [0.1, 0.2]}}", "GUD105", None),
    ],
)
def test_findings(sweep: str, code: str, marked: str | None) -> None:
    with pytest.raises(SpecError) as error:
        reads(f"{BEGIN}sweep: {sweep}", name="a.yaml")
    found = error.value.diagnostics[0]
    assert (found.code, len(error.value.diagnostics)) == (code, 1)
    assert found.span.file == "a.yaml"
    line = found.span.source.line(found.span.start.line)
    if marked is not None:
        assert line[found.span.start.column - 1 : found.span.end.column - 1] == marked


def test_suggestions_fit_what_is_marked() -> None:
    with pytest.raises(SpecError) as error:
        loads(BEGIN + 'sweep:\n  grid:\n    "train.stepps": [1]\n    objective.prediction: [edn]\n')
    one, two = error.value.diagnostics
    assert (one.suggestion, one.span.source.line(one.span.start.line)[one.span.start.column - 1 :][:6]) == (
        "steps",
        "stepps",
    )
    assert two.suggestion == "edm"
