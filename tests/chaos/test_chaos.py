"""A shortened campaign, and that a campaign sees what it is looking for."""

import json
from pathlib import Path

import pytest

from tests.chaos.campaign import Campaign
from tests.chaos.damage import damage
from tests.chaos.faults import AT_REST, RUNNING, TOGETHER, case


def test_the_list_is_seeded_and_has_every_fault() -> None:
    cases = [case(0, index) for index in range(100)]
    assert cases == [case(0, index) for index in range(100)]
    found = {name for one in cases for attempt in one.attempts for name in (attempt.rest, attempt.fault)}
    assert found == {None, *AT_REST, *RUNNING, *TOGETHER}


@pytest.mark.parametrize("kind", AT_REST)
def test_damage_changes_a_file(tmp_path: Path, kind: str) -> None:
    assert not damage(tmp_path, kind, 0)
    for name in ("checkpoints/5/d", "checkpoints/20/d", "metrics.jsonl", "results.json", "statistics.npz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"content")
    assert damage(tmp_path, kind, 0)
    changed = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() != b"content"]
    assert len(changed) == 1 or len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4
    assert (tmp_path / "checkpoints/5/d").read_bytes() == b"content"  # only the latest


@pytest.mark.slow
@pytest.mark.usefixtures("compiled_fast")
def test_six_faults_lose_nothing(tmp_path: Path) -> None:
    campaign = Campaign(tmp_path, 0)
    while campaign.injected < 6:
        campaign.step()
    again = Campaign(tmp_path, 0)
    assert again.injected == campaign.injected, "a campaign goes on where it stopped"
    summary = again.summary()
    assert summary["runs lost"] == summary["resumes not bitwise equal"] == summary["other problems"] == 0, json.dumps(
        [one for one in again.cases if one["lost"] or one["unequal"] or one["problems"]], indent=2
    )
