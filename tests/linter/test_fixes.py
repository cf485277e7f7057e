"""`--fix`: only what is certain changes, everything else stays byte for byte, and nothing gets worse."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from gudspec.linter import check as linter
from gudspec.linter.fixes import difference, fixed, save
from gudspec.linter.rule import Finding, Rule
from gudspec.spec.compose import read_source
from gudspec.spec.diagnostics import Source
from gudspec.spec.load import Document

BEGIN = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"
UNUSED = "seed: 3  # gudspec: ignore[GUD230]\n"


class Certain(Rule):
    """A rule whose suggestion for `seed` is whatever a test says."""

    code = "GUD299"
    severity = "warning"
    summary = "for tests"

    def __init__(self, suggestions: dict[int, str]):
        self.suggestions = suggestions

    def check(self, document: Document) -> Iterator[Finding]:
        if (seed := document.experiment.seed) in self.suggestions:
            yield Finding("not this seed", ("seed",), suggestion=self.suggestions[seed], certain=True)


def suggest(monkeypatch: pytest.MonkeyPatch, suggestions: dict[int, str]) -> None:
    monkeypatch.setattr(linter, "RULES", (*linter.RULES, Certain(suggestions)))


def fix(text: str, *overrides: str) -> tuple[str, int]:
    after, count = fixed(Source("a.yaml", BEGIN + text), overrides)
    return after.text.removeprefix(BEGIN), count


def test_what_is_certain_is_replaced() -> None:
    assert fix(UNUSED) == ("seed: 3\n", 1)
    assert fix("seed: 3\n") == ("seed: 3\n", 0)


def test_several_fixes_at_once_and_on_one_line() -> None:
    text = "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD231, GUD230, GUD301, GUD201]\n"
    assert fix(text + UNUSED) == (
        "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD230]\nseed: 3\n",
        4,
    )


def test_a_fix_may_make_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    suggest(monkeypatch, {1: "2", 2: "3"})
    assert fix("seed: 1\n") == ("seed: 3\n", 2)


def test_a_circle_of_fixes_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    suggest(monkeypatch, {1: "2", 2: "1"})
    assert fix("seed: 1\n")[0] in ("seed: 1\n", "seed: 2\n")


@pytest.mark.parametrize("worse", ["-1", "[", "{a: 1}", '"', "1\nseed: 2", "\ttab", "!!python/object:os.system x"])
def test_a_fix_that_makes_the_spec_worse_is_not_made(worse: str, monkeypatch: pytest.MonkeyPatch) -> None:
    suggest(monkeypatch, {1: worse})
    assert fix("seed: 1\n") == ("seed: 1\n", 0)
    assert fix("seed: 1  # gudspec: ignore[GUD230]\n") == ("seed: 1\n", 1)  # the others are


def test_overrides_and_bases_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    suggest(monkeypatch, {1: "2"})
    assert fix("", "seed=1") == ("", 0)
    (tmp_path / "base.yaml").write_text(f"{BEGIN}seed: 1\n")
    (tmp_path / "own.yaml").write_text("extends: base.yaml\n")
    source, _ = read_source(str(tmp_path / "own.yaml"))
    assert fixed(source) == (source, 0)


def test_unwanted_findings_are_not_fixed() -> None:
    source = Source("a.yaml", BEGIN + UNUSED)
    assert fixed(source, wanted=lambda found: found.code != "GUD016") == (source, 0)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n# end ünïcode 𝔾\n"])
def test_everything_else_stays_byte_for_byte(tmp_path: Path, bom: bytes, newline: str, end: str) -> None:
    path = tmp_path / "a.yaml"
    text = f"# 𝔾UD\t \n{BEGIN}seed:    3"
    path.write_bytes(bom + f"{text}  # gudspec: ignore[GUD230]{end}".replace("\n", newline).encode())
    os.chmod(path, 0o640)
    source, _ = read_source(str(path))
    after, count = fixed(source)
    save(after)
    assert count == 1
    assert path.read_bytes() == bom + f"{text}{end}".replace("\n", newline).encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [file.name for file in tmp_path.iterdir()] == ["a.yaml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BEGIN + UNUSED)
    (tmp_path / "link.yaml").symlink_to("a.yaml")
    source, _ = read_source(str(tmp_path / "link.yaml"))
    save(fixed(source)[0])
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "a.yaml").read_text() == f"{BEGIN}seed: 3\n"


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BEGIN + UNUSED)
    source, _ = read_source(str(path))

    def fail(*paths: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        save(fixed(source)[0])
    assert [file.name for file in tmp_path.iterdir()] == ["a.yaml"]
    assert path.read_text() == BEGIN + UNUSED


def test_a_difference_is_unified() -> None:
    before = Source("a.yaml", "a: 1\nb: 2")
    assert difference(before, before) == ""
    shown = difference(before, Source("a.yaml", "a: 1\nb: 3\n")).splitlines()
    assert shown == [
        "--- a.yaml",
        "+++ a.yaml",
        "@@ -1,2 +1,2 @@",
        " a: 1",
        "-b: 2",
        "\\ No newline at end of file",
        "+b: 3",
    ]
