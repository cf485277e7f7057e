"""The schema agrees with the language: what it accepts and refuses, gudspec's own reader does too."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from gudspec.spec.diagnostics import Source
from gudspec.spec.json_schema import json_schema, text
from gudspec.spec.models import Experiment
from gudspec.spec.text import parse
from gudspec.spec.tree import plain
from tests.spec.strategies import MINIMAL, experiments

ROOT = Path(__file__).parents[2]
SCHEMA = Draft7Validator(json_schema())
FREE = ("at", "grid", "zip", "over")
"""Mappings whose keys are paths."""
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))


def data(text: str) -> Any:
    tree = parse(Source("spec.yaml", text), [])
    assert tree is not None
    return json.loads(json.dumps(plain(tree)))


def messages(text: str) -> list[str]:
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in SCHEMA.iter_errors(data(text))]


def test_the_written_schema_has_not_drifted() -> None:
    assert (ROOT / "docs/gudspec.schema.json").read_text(encoding="utf-8") == text(), "run `make docs`"


def test_it_is_a_schema() -> None:
    Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_the_gallery_is_valid(spec: Path) -> None:
    assert messages(spec.read_text(encoding="utf-8")) == []


@given(experiments())
def test_what_the_language_accepts_is_valid(experiment: Experiment) -> None:
    plain = json.loads(json.dumps(experiment.model_dump()))
    assert list(SCHEMA.iter_errors(plain)) == []
    assert list(SCHEMA.iter_errors({**plain, "extends": "base.yaml"})) == []


def mappings(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict):
        inner = [found for key, item in value.items() if key not in FREE for found in mappings(item, (*path, key))]
        return [path, *inner]
    if isinstance(value, list):
        return [found for index, item in enumerate(value) for found in mappings(item, (*path, index))]
    return []


@given(experiments(), st.data(), st.booleans())
def test_an_unknown_key_is_not(experiment: Experiment, draw: st.DataObject, part: bool) -> None:
    whole = json.loads(json.dumps(experiment.model_dump()))
    if part:
        whole["extends"] = "base.yaml"
    place = whole
    for step in draw.draw(st.sampled_from(mappings(whole))):
        place = place[step]
    place["knd"] = 1
    errors = list(SCHEMA.iter_errors(whole))
    assert len(errors) == 1, "one mistake, one error"
    assert "'knd' was unexpected" in errors[0].message


@pytest.mark.parametrize(
    "written",
    [
        "design: {schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 1}}}",
        "design: {schedule: {kind: soft_linear, inverse_softness: 1e-3, snr: {sigma_min: null}}}",
        'design: {basis: {kind: pca, colors: "${COLORS:-mixed}"}}',
        "evaluate: [{name: a, kind: bound, at: {design.schedule.inverse_softness: {linspace: [0, 1, 3]}}}]",
        "evaluate: [{name: a, kind: bound, at: {design.schedule.inverse_softness: [0, 1]}}]",
        "objective: {measure: {kind: mixture, measures: [{kind: path}, {kind: lognormal}], shares: [1, 2]}}",
    ],
)
def test_valid(written: str) -> None:
    assert messages(MINIMAL + written) == []


@pytest.mark.parametrize(
    ("written", "path", "part_of_message"),
    [
        ("sed: 1", "", "'sed' was unexpected"),
        ("seed: a", "seed", "is not of type 'integer'"),
        ("seed: -1", "seed", "less than the minimum"),
        ("design: {basis: {levels: 3}}", "design.basis", "'kind' is a required property"),
        ("design: {basis: {kind: haar, level: 3}}", "design.basis", "'level' was unexpected"),
        ("design: {basis: {kind: har}}", "design.basis.kind", "'har' is not valid"),
        (
            "design: {schedule: {kind: soft_linear, inverse_softness: a}}",
            "design.schedule.inverse_softness",
            "'number'",
        ),
        (
            "design: {schedule: {kind: soft_linear, inverse_softness: {low: 1, high: 2}}}",
            "design.schedule.inverse_softness",
            "'value' is a required property",
        ),
        ("evaluate: [{kind: bound}]", "evaluate.0", "'name' is a required property"),
    ],
)
def test_one_mistake_is_one_error_at_its_place(written: str, path: str, part_of_message: str) -> None:
    (found,) = messages(MINIMAL + written)
    assert found.startswith(f"{path}: ")
    assert part_of_message in found


def test_a_part_needs_nothing_but_its_lists_are_whole() -> None:
    start = "gudspec: 1\nname: a\nextends: base.yaml\n"
    assert messages(start + "design: {schedule: {inverse_softness: {value: 0.5}}, basis: {kind: haar}}") == []
    assert messages(start + "data: {source: {kind: cifar10}}") == []
    assert messages(start + "design: {schedule: {invers_softness: 1}}") != []
    assert messages(start + "sample: [{count: 3}]") == ["sample.0: 'name' is a required property"]
