"""`gudspec lint`, `explain` and `rules`: options, exit codes, and what goes to stdout and to stderr."""

import io
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gudspec.cli.main import main
from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.reference import lines

CLEAN = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"
SHORT = f"{CLEAN}train: {{steps: 500, ema: 0.999}}\n"  # GUD230, a warning
UNUSED = f"{CLEAN}seed: 3  # gudspec: ignore[GUD230]\n"
LEVELS = f"{CLEAN}design: {{basis: {{kind: haar, levels: 5}}}}\n"  # GUD201, an error


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / ".cache"))
    return tmp_path


class Cli:
    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self.capsys = capsys

    def __call__(self, *arguments: object) -> tuple[int, str]:
        """Exit code and stdout; stderr is kept."""
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        self.err = captured.err
        assert "Traceback" not in self.err
        return int(exit.value.code or 0), captured.out

    def codes(self, *arguments: object) -> list[str]:
        """What is found, by code."""
        _, out = self("lint", "--format", "json", *arguments)
        return [one["code"] for one in json.loads(out)["findings"]]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


# ── exit codes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "code"),
    [(CLEAN, 0), (SHORT, 1), (LEVELS, 1), (f"{CLEAN}sed: 3\n", 1), ("{", 1), (None, 2)],
)
def test_exit_codes(text: str | None, code: int, here: Path, cli: Cli) -> None:
    if text:
        (here / "a.yaml").write_text(text)
    assert cli("lint", "a.yaml")[0] == code


def test_strict_wants_every_rule_checked(here: Path, cli: Cli) -> None:
    (here / "a.yaml").write_text(CLEAN)
    assert cli("lint", "a.yaml") == (0, "")
    assert cli.err.count("\n") == 1
    assert "a.yaml: GUD2" in cli.err
    assert cli("lint", "--strict", "a.yaml") == (1, "")
    assert cli("lint", "--strict", "--ignore", "GUD2", "a.yaml") == (0, "")
    assert cli.err == ""


def test_many_specs_that_could_not_be_checked_are_one_line(here: Path, cli: Cli) -> None:
    for name in "abc":
        (here / f"{name}.yaml").write_text(CLEAN)
    assert cli("lint")[0] == 0
    assert cli.err.startswith("3 specs: GUD2")
    assert cli.err.count("\n") == 1


# ── what is linted ──────────────────────────────────────────────────────────────────────────────────


def test_without_paths_the_working_directory_is_linted(here: Path, cli: Cli) -> None:
    (here / "sub").mkdir()
    for name in ("a.yaml", "sub/b.yml", ".hidden.yaml", "readme.md"):
        (here / name).write_text(SHORT)
    for name in (".venv", ".github"):
        (here / name).mkdir()
        (here / name / "c.yaml").write_text("no: spec")
    _, out = cli("lint", "--format", "json")
    assert json.loads(out)["files"] == ["a.yaml", "sub/b.yml"]
    assert cli.codes("a.yaml", ".", here / "a.yaml") == ["GUD230", "GUD230"]  # each file once


def test_settings_of_the_project_hold_and_options_replace_them(here: Path, cli: Cli) -> None:
    (here / "pyproject.toml").write_text(
        '[tool.gudspec]\npaths = ["specs"]\nexclude = ["old"]\nignore = ["GUD201"]\nstrict = true\n'
        '[tool.gudspec.per-file-ignores]\n"specs/quick*" = ["GUD230"]\n'
    )
    (here / "specs" / "old").mkdir(parents=True)
    for name in ("specs/a.yaml", "specs/quick.yaml", "specs/old/b.yaml", "other.yaml"):
        (here / name).write_text(SHORT)
    (here / "specs" / "levels.yaml").write_text(LEVELS)
    assert cli.codes() == ["GUD230"]
    assert cli.codes("--ignore", "GUD230") == ["GUD201"]
    assert cli.codes("specs/old/b.yaml") == ["GUD230"]  # named on purpose
    assert cli.codes("other.yaml") == ["GUD230"]
    assert cli("lint", "--ignore", "GUD", "specs/a.yaml")[0] == 0
    (here / "pyproject.toml").write_text("[tool.gudspec]\nignor = []\n")
    assert cli("lint") == (2, "")
    assert "pyproject.toml:2:1: error GUD018" in cli.err
    assert "did you mean `ignore`?" in cli.err


def test_standard_input_is_linted(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "base.yaml").write_text(CLEAN)
    give(monkeypatch, b"extends: base.yaml\r\nsed: 3\r\n")
    code, out = cli("lint", "-", "--format", "concise")
    assert code == 1
    assert out.startswith("<stdin>:2:1: error GUD104")
    give(monkeypatch, b"\xff\xfeg")
    assert "GUD002" in cli("lint", "-")[1]


def give(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# ── which findings ──────────────────────────────────────────────────────────────────────────────────


def test_select_and_ignore(here: Path, cli: Cli) -> None:
    (here / "a.yaml").write_text(f"{SHORT}design: {{basis: {{kind: haar, levels: 5}}}}\n")
    assert cli.codes("a.yaml") == ["GUD230", "GUD201"]
    assert cli.codes("a.yaml", "--select", "GUD23") == ["GUD230"]
    assert cli.codes("a.yaml", "--ignore", "GUD201,GUD3") == ["GUD230"]
    assert cli.codes("a.yaml", "--ignore", "GUD2", "--select", "GUD201") == ["GUD201"]
    (here / "b.yaml").write_text("{")
    assert cli.codes("b.yaml", "--select", "GUD3") == ["GUD004"]  # no spec, whatever is wanted


def test_codes_that_mean_nothing_are_refused(here: Path, cli: Cli) -> None:
    (here / "a.yaml").write_text(CLEAN)
    assert cli("lint", "a.yaml", "--select", "GUD2,GUD23O", "--ignore", "GUD104") == (2, "")
    assert "--select:1:6: error GUD018" in cli.err
    assert "did you mean `GUD230`?" in cli.err
    assert "--ignore:1:1: error GUD018: GUD104 cannot be ignored" in cli.err


def test_statistics_count(here: Path, cli: Cli) -> None:
    for name in "ab":
        (here / f"{name}.yaml").write_text(SHORT)
    (here / "c.yaml").write_text(LEVELS)
    code, out = cli("lint", "--statistics")
    assert code == 1
    assert [line.split()[:3] for line in out.splitlines()] == [["2", "GUD230", "warning"], ["1", "GUD201", "error"]]
    assert cli("lint", "--statistics", "--format", "json")[0] == 2


# ── --fix and --diff ────────────────────────────────────────────────────────────────────────────────


def test_fix_writes_and_reports_what_is_left(here: Path, cli: Cli) -> None:
    (here / "a.yaml").write_text(UNUSED)
    (here / "b.yaml").write_text(SHORT)
    assert cli("lint", "--fix", "a.yaml") == (0, "")
    assert (here / "a.yaml").read_text() == f"{CLEAN}seed: 3\n"
    assert "1 problem fixed" in cli.err
    code, out = cli("lint", "--fix")
    assert (code, out.count("GUD230")) == (1, 1)


def test_fix_keeps_a_comment_that_another_spec_needs(here: Path, cli: Cli) -> None:
    base = f"{CLEAN}train: {{steps: 9000, ema: 0.999}}  # gudspec: ignore[GUD230]\n"
    (here / "base.yaml").write_text(base)
    (here / "short.yaml").write_text("extends: base.yaml\ntrain: {steps: 100}\n")
    assert cli("lint", "--fix") == (0, "")
    assert (here / "base.yaml").read_text() == base
    assert cli("lint", "--fix", "base.yaml") == (0, "")  # alone, nobody needs it
    assert "ignore" not in (here / "base.yaml").read_text()


def test_diff_prints_and_writes_nothing(here: Path, cli: Cli) -> None:
    (here / "a.yaml").write_text(UNUSED)
    code, out = cli("lint", "--diff", "--fix")
    assert code == 1
    assert out.splitlines()[-2:] == ["-seed: 3  # gudspec: ignore[GUD230]", "+seed: 3"]
    assert (here / "a.yaml").read_text() == UNUSED
    (here / "a.yaml").write_text(SHORT)  # a finding, but nothing to fix
    assert cli("lint", "--diff") == (0, "")
    assert cli("lint", "--diff", "none.yaml") == (2, "")
    assert "GUD001" in cli.err


def test_fixed_standard_input_is_printed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, f"{SHORT}seed: 3  # gudspec: ignore[GUD301]\n".encode())
    assert cli("lint", "--fix", "-") == (1, f"{SHORT}seed: 3\n")
    assert "GUD230" in cli.err


def test_a_folder_that_cannot_be_written_is_no_traceback(here: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "a.yaml")

    (here / "a.yaml").write_text(UNUSED)
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    assert cli("lint", "--fix") == (2, "")
    assert "cannot write" in cli.err
    assert (here / "a.yaml").read_text() == UNUSED


# ── explain and rules ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("description", CATALOGUE, ids=lambda description: description.code)
def test_every_code_is_explained(description: type, cli: Cli) -> None:
    code, out = cli("explain", description.code.lower())
    assert code == 0
    for part in (description.summary, description.explanation(), description.source):
        assert part in out
    for example in (description.bad, description.good):
        assert "\n".join(f"    {line}".rstrip() for line in lines(example)) in out


@pytest.mark.parametrize(("word", "hint"), [("GUD23O", "did you mean `GUD230`?"), ("softness", "gudspec rules")])
def test_unknown_codes_are_refused(word: str, hint: str, cli: Cli) -> None:
    assert cli("explain", word) == (2, "")
    assert hint in cli.err


def test_rules_lists_every_code(cli: Cli) -> None:
    code, out = cli("rules")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [description.code for description in CATALOGUE]
    listed = json.loads(cli("rules", "--format", "json")[1])
    assert [one["code"] for one in listed] == [description.code for description in CATALOGUE]
    assert {one["code"] for one in listed if not one["ignorable"]} >= {"GUD004", "GUD104"}


# ── speed ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("arguments", ["lint a.yaml", "lint --fix .", "lint --format sarif a.yaml", "rules"])
def test_jax_is_not_imported(arguments: str, here: Path) -> None:
    (here / "a.yaml").write_text(SHORT)
    program = (
        "import sys\nfrom gudspec.cli.main import main\n"
        f"try:\n    main({arguments.split()!r})\n"
        "finally:\n    print([m for m in ('jax', 'flax', 'optax', 'matplotlib', 'scipy') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.endswith("[]\n"), done.stderr


def test_a_cold_lint_is_quick(here: Path) -> None:
    (here / "a.yaml").write_text(SHORT)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "gudspec", "lint", "a.yaml"], capture_output=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert used < 0.6  # measured: 0.3


@pytest.mark.slow
def test_a_gallery_of_500_is_linted_in_seconds(here: Path, cli: Cli) -> None:
    gallery = Path(__file__).parents[2] / "specs"
    for index in range(-(-500 // len(list(gallery.rglob("*.yaml"))))):
        shutil.copytree(gallery, here / str(index))
    start = time.process_time()  # other work on the machine does not count
    assert cli("lint") == (0, "")
    assert time.process_time() - start < 4  # measured: 1.2
