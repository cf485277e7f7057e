"""Paths inside and outside of the trained region, against distances worked out by hand."""

import re

import numpy as np
import pytest
import yaml

from gudspec.linter.check import check
from gudspec.spec.diagnostics import Diagnostic
from gudspec.spec.load import reads

RANDOM = np.random.default_rng(0)


def found(design: str, sample: str, measure: str = "{kind: path}", network: str = "components") -> list[Diagnostic]:
    spec = {
        "gudspec": 1,
        "name": "region",
        "data": {"source": {"kind": "digits"}},
        "design": yaml.safe_load(design),
        "objective": {"measure": yaml.safe_load(measure)},
        "network": {"kind": "unet", "conditioning": network},
        "sample": [{"name": "asked", **yaml.safe_load(sample)}],
    }
    return [one for one in check(reads(yaml.safe_dump(spec))) if one.code == "GUD277"]


def distance(findings: list[Diagnostic]) -> float:
    (finding,) = findings
    return float(re.findall(r"up to ([\d.]+) in γ", finding.message)[0])


@pytest.mark.parametrize("beyond", [0.5, 1.5, 4.0])
def test_beyond_an_end_by_so_much(beyond: float) -> None:
    design = "{schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    findings = found(design, f"{{path: {{kind: linear, gamma: {{min: {-9 - beyond}, max: 5}}}}}}")
    assert distance(findings) == pytest.approx(beyond) if beyond > 1 else findings == []


def test_another_clock_is_the_same_path() -> None:
    """One level for all components: cosine and linear visit the same states at other times."""
    design = "{schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    assert found(design, "{path: {kind: cosine, gamma: {min: -9, max: 5}}}") == []


@pytest.mark.parametrize("b", RANDOM.uniform(0.2, 0.8, 4).round(3))
def test_what_is_trained_over_a_range_is_inside(b: float) -> None:
    ends = "gamma: {min: -9, max: 5}"
    over = f"{{schedule: {{kind: sequential, inverse_softness: {{low: 0.2, high: 0.8, value: 0.5}}, {ends}}}}}"
    sample = f"{{path: {{kind: sequential, inverse_softness: {b}}}}}"
    assert found(over, sample) == []
    assert found(over.replace("{low: 0.2, high: 0.8, value: 0.5}", "0.05"), sample) != []


def test_how_far_a_scalar_path_is_from_columns() -> None:
    """On (22) with b = ½ no state has equal levels but the ends: the nearest to level c is off by half the spread."""
    design = "{schedule: {kind: sequential, inverse_softness: 0.5, gamma: {min: -8, max: 8}}}"
    t = np.linspace(0, 1, 4001)[:, None]
    columns = np.clip(-8 + (t - 0.5 * np.arange(7, -1, -1) / 7) * 16 / 0.5, -8, 8)
    level = np.linspace(-8, 8, 25)
    expected = np.abs(columns[None] - level[:, None, None]).max(-1).min(-1).max()
    assert distance(found(design, "{path: {kind: linear}}")) == pytest.approx(expected, abs=0.15)


@pytest.mark.parametrize(
    ("measure", "inside"),
    [
        ("{kind: independent}", True),
        ("{kind: lognormal, mean: -0.5, deviation: 1.2}", False),
        ("{kind: mixture, measures: [{kind: path}, {kind: independent}], shares: [1, 1]}", True),
    ],
)
def test_measures_reach_as_far_as_they_train(measure: str, inside: bool) -> None:
    design = "{schedule: {kind: sequential, inverse_softness: 0.2, gamma: {min: -9, max: 5}}}"
    assert (found(design, "{path: {kind: sequential, inverse_softness: 0.7}}", measure) == []) == inside


def test_a_lognormal_measure_serves_every_scalar_path_in_its_reach() -> None:
    design, measure = "{schedule: {kind: edm}}", "{kind: lognormal, mean: -1.2, deviation: 1.2}"
    assert found(design, "{path: {kind: linear, gamma: {min: -12, max: 8}}}", measure) == []
    assert distance(found(design, "{path: {kind: linear, gamma: {min: -20, max: 8}}}", measure)) == pytest.approx(5.6)


HALF = "{{task: {{kind: inpaint, mask: {{kind: half, hidden: {}}}}}}}"


@pytest.mark.parametrize(
    ("measure", "hidden", "inside"),
    [
        ("{kind: masked, by: pixels}", "bottom", True),
        ("{kind: masked, by: rows}", "bottom", True),
        ("{kind: masked, by: columns}", "bottom", False),
        ("{kind: masked, by: groups}", "right", False),  # of one level there is one group
        ("{kind: independent}", "right", False),
        (
            "{kind: mixture, measures: [{kind: masked, by: columns}, {kind: masked, by: rows}], shares: [1, 1]}",
            "top",
            True,
        ),
    ],
)
def test_what_is_held_is_made_of_parts_that_training_holds(measure: str, hidden: str, inside: bool) -> None:
    design = "{schedule: {kind: linear, gamma: {min: -9, max: 5}}}"
    assert (found(design, HALF.format(hidden), measure, "pixels") == []) == inside


@pytest.mark.parametrize(("low", "inside"), [(-9, False), (-13.5, True)])
def test_independent_levels_end_where_the_path_starts(low: float, inside: bool) -> None:
    """What is known is held at γ = −14."""
    design = f"{{schedule: {{kind: sequential, inverse_softness: 0.5, gamma: {{min: {low}, max: 5}}}}}}"
    assert (found(design, HALF.format("right"), "{kind: independent}", "pixels") == []) == inside
