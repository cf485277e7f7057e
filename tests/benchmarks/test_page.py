"""The page of benchmarks is what its JSON says, and every file says what the page needs."""

import copy
from pathlib import Path

import pytest

from benchmarks.page import RESULTS, page, read

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    written = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert written == page(read(RESULTS)), "run `make docs`"


def test_every_row_has_its_command() -> None:
    results = read(RESULTS)
    assert results
    text = page(results)
    for result in results:
        assert f"`{result['command']}`" in text
        assert "--json" not in result["command"]


def test_a_number_that_changes_changes_the_page() -> None:
    results = read(RESULTS)
    changed = copy.deepcopy(results)
    goal = next(goal for result in changed for goal in result.get("goals", []))
    goal["measured"], goal["reached"] = 1234.5, not goal["reached"]
    assert "1234.5" in page(changed)
    assert page(changed) != page(results)


@pytest.mark.parametrize("result", read(RESULTS), ids=lambda result: result["command"])
def test_what_is_reached_is_what_was_asked(result: dict) -> None:
    for goal in result.get("goals", []):
        if "asked" not in goal:
            continue
        kind, bound = goal["asked"].split()
        within = goal["measured"] <= float(bound) if kind == "≤" else goal["measured"] >= float(bound)
        assert goal["reached"] == within
