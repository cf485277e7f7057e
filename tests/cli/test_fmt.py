"""`gudspec fmt`: files, standard input, and exit codes as those of `ruff format`."""

import io
import sys
from pathlib import Path

import pytest

from gudspec.cli.main import main

BEFORE = "name:  x # β\r\ngudspec: 1\r\n"
AFTER = "gudspec: 1\r\nname: x  # β\r\n"
ROOT = Path(__file__).parents[2]


def fmt(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main(["fmt", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(exit.value.code or 0), captured.out, captured.err


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def read(path: Path) -> str:
    return path.read_bytes().decode()


def test_the_gallery_is_formatted(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = fmt(capsys, "--check", ROOT / "specs")
    assert code == 0, f"run `gudspec fmt specs`\n{err}"


def test_files_and_folders_are_rewritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inner").mkdir()
    one, other = written(tmp_path / "a.yaml", BEFORE), written(tmp_path / "inner" / "b.yml", AFTER)
    ignored = written(tmp_path / "c.txt", BEFORE)
    code, out, err = fmt(capsys, tmp_path)
    assert (code, out) == (0, "")
    assert err == f"reformatted {one}\n1 file reformatted, 1 file left unchanged\n"
    assert (read(one), read(other), read(ignored)) == (AFTER, AFTER, BEFORE)
    assert fmt(capsys, tmp_path)[0] == 0


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_nothing_is_written_when_asked(option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.yaml", BEFORE)
    code, out, err = fmt(capsys, option, path)
    assert code == 1
    assert "1 file would be reformatted" in err
    assert read(path) == BEFORE
    assert ("-name:  x # β" in out) == (option == "--diff")
    assert (f"would reformat {path}" in err) == (option == "--check")
    written(path, AFTER)
    assert fmt(capsys, option, path)[:2] == (0, "")


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    given(BEFORE)
    assert fmt(capsys, "-") == (0, AFTER, "")
    given(BEFORE)
    assert fmt(capsys, "--check", "-") == (1, "", "")
    given("a: [1")
    code, out, err = fmt(capsys, "-")
    assert (code, out) == (2, "")
    assert "<stdin>:1:6: error GUD004" in err


def test_what_cannot_be_parsed_stays_and_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken, other = written(tmp_path / "a.yaml", "a: 1\na: 2\n"), written(tmp_path / "b.yaml", BEFORE)
    code, _, err = fmt(capsys, broken, other, tmp_path / "none.yaml")
    assert code == 2
    assert f"{broken}:2:1: error GUD006" in err
    assert "none.yaml:1:1: error GUD001" in err
    assert (read(broken), read(other)) == ("a: 1\na: 2\n", AFTER)
    assert "Traceback" not in err


def test_hidden_and_excluded_files_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (".github", "old", "specs"):
        (tmp_path / name).mkdir()
        written(tmp_path / name / "a.yaml", BEFORE)
    (tmp_path / "pyproject.toml").write_text('[tool.gudspec]\nexclude = ["old/"]\n')
    monkeypatch.chdir(tmp_path)
    code, _, err = fmt(capsys)
    assert (code, err.splitlines()[-1]) == (0, "1 file reformatted, 0 files left unchanged")
    assert read(tmp_path / "specs" / "a.yaml") == AFTER
