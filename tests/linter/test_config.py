"""`[tool.gudspec]`, `--select` and `--ignore`: what holds for which file, and where a mistake is."""

from pathlib import Path

import pytest

from gudspec.linter.config import Settings, settings
from gudspec.linter.selection import Selection, listed, problems_of
from gudspec.spec.diagnostics import Diagnostic, Source, Span, SpecError


@pytest.mark.parametrize(
    ("select", "ignore", "wanted", "unwanted"),
    [
        (("GUD",), (), {"GUD201", "GUD301"}, set()),
        (("GUD2", "GUD301"), (), {"GUD201", "GUD301"}, {"GUD302", "GUD016"}),
        (("GUD",), ("GUD2",), {"GUD301"}, {"GUD201"}),
        (("GUD201",), ("GUD2",), {"GUD201"}, {"GUD202"}),  # the longer prefix wins
        (("GUD2",), ("GUD201",), {"GUD202"}, {"GUD201"}),
        (("GUD2",), ("GUD2",), set(), {"GUD201"}),
    ],
)
def test_the_longest_prefix_decides(
    select: tuple[str, ...], ignore: tuple[str, ...], wanted: set[str], unwanted: set[str]
) -> None:
    chosen = Selection(select, ignore)
    assert {code for code in wanted | unwanted if chosen.wants(code)} == wanted


def test_words_of_options_have_places() -> None:
    words = listed("--select", ["GUD2, GUD9", "x"])
    assert [(word, str(span)) for word, span in words] == [
        ("GUD2", "--select:1:1"),
        ("GUD9", "--select:1:7"),
        ("x", "--select:1:1"),
    ]
    assert [str(one.span) for one in problems_of(words, ignoring=False)] == ["--select:1:7", "--select:1:1"]


@pytest.mark.parametrize("word", ["GUD104", "GUD0", "GUD1", "GUD004", "GUD211"])
def test_what_keeps_a_spec_from_being_read_cannot_be_ignored(word: str) -> None:
    words = listed("--ignore", [word])
    assert problems_of(words, ignoring=False) == []
    assert "cannot be ignored" in problems_of(words, ignoring=True)[0].message


def project(folder: Path, table: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "x"\n\n{table}', encoding="utf-8")
    return folder


def test_the_nearest_table_holds(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "spec.yaml").write_text("")
    assert settings(inner) == Settings()
    project(tmp_path, '[tool.gudspec]\nselect = ["GUD2"]\nstrict = true\n')
    project(inner, "")  # has no table: passed over
    for start in (inner, inner / "spec.yaml", tmp_path):
        assert settings(start) == Settings(root=tmp_path, select=("GUD2",), strict=True)
    project(inner.parent, '[tool.gudspec]\nignore = ["GUD301"]\n')
    assert settings(inner) == Settings(root=inner.parent, ignore=("GUD301",))


def test_patterns_are_those_of_gitignore(tmp_path: Path) -> None:
    project(tmp_path, '[tool.gudspec]\nexclude = ["old/", "*.gen.yaml", "/top.yaml", "!keep.gen.yaml"]\n')
    for folder in ("old", "new/old", "new/older"):
        (tmp_path / folder).mkdir(parents=True)
    found = settings(tmp_path)
    excluded = {"old", "new/old", "new/a.gen.yaml", "top.yaml"}
    for name in ("old", "new/old", "new/older", "new/a.gen.yaml", "top.yaml", "new/top.yaml", "keep.gen.yaml"):
        assert found.excluded(tmp_path / name) == (name in excluded), name
    assert not found.excluded(tmp_path.parent / "top.yaml")


def test_codes_may_be_unwanted_in_some_files(tmp_path: Path) -> None:
    project(tmp_path, '[tool.gudspec.per-file-ignores]\n"demo/**" = ["GUD23", "GUD301"]\n')
    found = settings(tmp_path)

    def ignored(code: str, name: str) -> bool:
        return found.ignored(Diagnostic(code, "", Span(Source(str(tmp_path / name), ""))))

    assert ignored("GUD230", "demo/a.yaml")
    assert ignored("GUD301", "demo/b/a.yaml")
    assert not ignored("GUD302", "demo/a.yaml")
    assert not ignored("GUD230", "a.yaml")


@pytest.mark.parametrize(
    ("table", "line", "column", "words"),
    [
        ("[tool.gudspec]\nselct = []\n", 5, 1, "did you mean `select`"),
        ("[tool.gudspec]\nselect = 'GUD2'\n", 5, 1, "list of strings"),
        ("[tool.gudspec]\nselect = ['GUD2', 3]\n", 5, 1, "list of strings"),
        ("[tool.gudspec]\nselect = ['GUD2',\n  'GUD99']\n", 6, 4, "no code begins with `GUD99`"),
        ("[tool.gudspec]\nignore = ['GUD23O']\n", 5, 12, "did you mean `GUD230`"),
        ("[tool.gudspec]\nignore = ['GUD104']\n", 5, 12, "cannot be ignored"),
        ("[tool.gudspec]\nstrict = 'yes'\n", 5, 1, "true or false"),
        ("[tool.gudspec]\nper-file-ignores = ['a']\n", 5, 1, "table of patterns"),
        ("[tool.gudspec.per-file-ignores]\n'a/*' = ['GUD230', 'GUD9']\n", 5, 21, "no code begins with `GUD9`"),
        ("[tool.gudspec.per-file-ignores]\n'a/*' = 'GUD230'\n", 5, 2, "list of strings"),
        ("[tool.gudspec]\nselect = [\n", 5, 11, "not TOML"),
        ("[tool]\ngudspec = 3\n", 5, 1, "must be a table"),
    ],
)
def test_mistakes_have_a_place(
    table: str, line: int, column: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project(tmp_path, table))
    with pytest.raises(SpecError) as error:
        settings(tmp_path)
    (one,) = error.value.diagnostics
    assert one.code == "GUD018"
    assert words in str(one)
    assert str(one.span) == f"pyproject.toml:{line}:{column}"


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    project(tmp_path, "[tool.gudspec]\nselct = []\nignore = ['x', 'GUD1']\nstrict = 1\n")
    with pytest.raises(SpecError) as error:
        settings(tmp_path)
    assert [one.span.start.line for one in error.value.diagnostics] == [5, 6, 6, 7]
