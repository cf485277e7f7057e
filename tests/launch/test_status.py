import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gudspec.engine.heartbeat import Heartbeat
from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged, Interrupted
from gudspec.launch.status import Row, rows, table

SPEC = "gudspec: 1\nname: a\ndata: {source: {kind: digits}}\ntrain: {steps: 100}\n"


def workdir(path: Path, **files: Any) -> Path:
    """A workdir: JSON files by name, with `_` for `.`."""
    path.mkdir(parents=True)
    (path / "spec.resolved.yaml").write_text(SPEC)
    for name, content in files.items():
        content = content() if callable(content) else content
        (path / name.replace("_", ".")).write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def beat(phase: str, step: int = 30, ago: float = 5, **more: Any) -> Callable[[], dict[str, Any]]:
    """A heartbeat some seconds before it is written."""
    return lambda: {"phase": phase, "step": step, "time": time.time() - ago, **more}


def only(folder: Path) -> Row:
    (row,) = rows(str(folder))
    return row


SUMMARY = {"steps": 100, "nll_bits_per_dim": 1.25}
METRICS = '{"step": 10, "loss": 2.0, "images_per_second": 5.0}\n{"step": 20, "loss": NaN, "images_per_second": 7.0}\n'


@pytest.mark.parametrize(
    ("files", "code", "status"),
    [
        ({"heartbeat_json": beat("training")}, None, "running"),
        ({"heartbeat_json": beat("training", ago=300)}, None, "lost"),
        ({"heartbeat_json": beat("sampling", ago=300), "summary_json": SUMMARY, "report_html": "x"}, None, "done"),
        ({"heartbeat_json": beat("ended")}, None, "stopped"),
        ({"heartbeat_json": beat("ended")}, 75, "interrupted"),
        ({"heartbeat_json": beat("ended")}, 3, "diverged"),
        ({"heartbeat_json": beat("ended", code=3)}, None, "diverged"),
        ({"heartbeat_json": beat("ended", code=0)}, None, "stopped"),
        ({"heartbeat_json": beat("ended"), "summary_json": SUMMARY, "report_html": "x"}, None, "done"),
        ({"heartbeat_json": beat("ended"), "summary_json": SUMMARY}, None, "stopped"),
        ({"heartbeat_json": beat("ended"), "summary_json": {"steps": 50}, "report_html": "x"}, 75, "interrupted"),
        ({"heartbeat_json": beat("measuring"), "summary_json": SUMMARY, "report_html": "x"}, 0, "running"),
        ({}, None, "stopped"),
        ({"heartbeat_json": "{torn"}, 2, "refused"),
    ],
)
def test_status(tmp_path: Path, files: dict[str, Any], code: int | None, status: str) -> None:
    workdir(tmp_path / "a", **files)
    if code is not None:
        (tmp_path / "exits.json").write_text(json.dumps({"a": {"code": code, "time": time.time()}}))
    assert only(tmp_path).status == status


def test_a_damaged_run_hides_no_other(tmp_path: Path) -> None:
    for name in ("a", "b"):
        workdir(tmp_path / name, heartbeat_json=beat("training"), metrics_jsonl=METRICS)
    for file in (tmp_path / "a").iterdir():
        file.write_bytes(b"\xff" + file.read_bytes()[1:])
    damaged, intact = rows(str(tmp_path))
    assert (damaged.name, damaged.status, damaged.steps) == ("a", "stopped", None)
    assert (intact.name, intact.status, intact.step) == ("b", "running", 30)


@pytest.mark.parametrize(("hours", "status"), [(-1, "interrupted"), (1, "failed")])
def test_the_last_of_several_ends_counts(tmp_path: Path, hours: int, status: str) -> None:
    """A run of a sweep that failed, and was then continued on its own."""
    workdir(tmp_path / "a", heartbeat_json=beat("ended", code=75))
    end = {"code": 1, "time": time.time() + 3600 * hours}
    (tmp_path / "exits.json").write_text(json.dumps({"a": end}))
    assert only(tmp_path).status == status


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Diverged("the loss is not finite", 3), "diverged"),
        (Interrupted("stopped"), "interrupted"),
        (OSError(), "failed"),
    ],
    ids=["diverged", "interrupted", "failed"],
)
def test_a_run_says_itself_how_it_ended(tmp_path: Path, error: Exception, status: str) -> None:
    folder = Workdir.at(workdir(tmp_path / "a"))
    with pytest.raises(type(error)), Heartbeat(folder):
        raise error
    assert only(tmp_path).status == status


def test_what_a_row_holds(tmp_path: Path) -> None:
    workdir(tmp_path / "x/a", heartbeat_json=beat("training"), metrics_jsonl=METRICS + '{"step": 25, "lo')
    row = only(tmp_path)
    assert (row.name, row.phase, row.step, row.steps) == ("x/a", "training", 30, 100)
    assert (row.loss, row.images_per_second) == (None, 7.0)  # NaN is no JSON
    assert json.loads(table([row], "json"))[0]["status"] == "running"
    assert table([row], "table").splitlines()[1].split()[:6] == ["x/a", "running", "(training)", "30", "/", "100"]


def test_folders_are_searched_but_not_workdirs(tmp_path: Path) -> None:
    inner = workdir(tmp_path / "a")
    workdir(inner / "checkpoints/b")
    workdir(tmp_path / ".hidden/c")
    workdir(tmp_path / "deep/er/d")
    assert [row.name for row in rows(str(tmp_path))] == ["a", "deep/er/d"]
    assert [row.name for row in rows(str(inner))] == ["a"]


def test_runs_that_have_not_started_are_listed(tmp_path: Path) -> None:
    workdir(tmp_path / "b")
    (tmp_path / "exits.json").write_text('{"c": {"code": 2, "time": 0}, "d": "torn"}')
    found = [(row.name, row.status) for row in rows(str(tmp_path), ["c", "b", "d"])]
    assert found == [("c", "refused"), ("b", "stopped"), ("d", "waiting")]
