import json
from pathlib import Path

import pytest

from tests.cli.test_commands import gudspec


def test_runs_of_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gudspec(capsys, "runs", tmp_path) == (0, f"no runs in {tmp_path}\n", "")
    assert gudspec(capsys, "runs", tmp_path, "--format", "json")[1] == "[]\n"
    (tmp_path / "a").mkdir()
    (tmp_path / "a/spec.resolved.yaml").write_text("gudspec: 1\nname: a\ndata: {source: {kind: digits}}\n")
    code, out, _ = gudspec(capsys, "runs", tmp_path)
    assert code == 0
    assert out.splitlines()[1].split() == ["a", "stopped", "0", "/", "300,000"]
    (row,) = json.loads(gudspec(capsys, "runs", tmp_path, "--format", "json")[1])
    assert (row["name"], row["status"], row["steps"], row["loss"]) == ("a", "stopped", 300000, None)


def test_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = gudspec(capsys, "runs", tmp_path / "none")
    assert code == 2
    assert "is not a folder" in err
