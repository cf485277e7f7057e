"""What benchmarks have in common, without measuring anything."""

import json
import math
from pathlib import Path

import pytest

from benchmarks.__main__ import EVERY
from benchmarks.command import goal
from benchmarks.page import RESULTS
from benchmarks.recipes import Point, best_rate, reached


@pytest.mark.parametrize("optimum", [3e-4, 2e-3, 9e-3])
def test_the_search_for_a_rate_ends_between_two_worse_ones(optimum: float) -> None:
    tried = {}

    def train(rate: float) -> Point:
        assert rate not in tried, "trained twice"
        tried[rate] = Point(1.0, math.log(rate / optimum) ** 2)
        return tried[rate]

    rate, point = best_rate(train, 2e-3)
    assert point == tried[rate]
    assert abs(math.log2(rate / optimum)) <= 0.5
    assert tried[rate / 2].bits > point.bits < tried[2 * rate].bits


def test_the_time_to_a_likelihood_is_between_two_trainings() -> None:
    curve = [Point(10.0, 3.0), Point(40.0, 2.0), Point(80.0, 1.5)]
    assert reached(curve, 2.5) == pytest.approx(20.0)  # half way in the logarithm
    assert reached(curve, 1.0) == math.inf
    with pytest.raises(ValueError, match="fewer --steps"):
        reached(curve, 3.5)


def test_a_goal_of_several_numbers_is_their_median() -> None:
    found = goal("ratio", [1.0, 4.0, 2.0, 3.0, 5.0], at_most=2.9)
    assert found == {"what": "ratio", "measured": 3.0, "quartiles": [2.0, 4.0], "asked": "≤ 2.9", "reached": False}
    assert goal("share", 0.5, at_least=0.5)["reached"]


@pytest.mark.parametrize("file", sorted(RESULTS.glob("*.json")), ids=lambda file: file.stem)
def test_every_result_is_that_of_its_command(file: Path) -> None:
    assert json.loads(file.read_text(encoding="utf-8"))["command"] == f"python -m benchmarks.{EVERY[file.stem]}"
