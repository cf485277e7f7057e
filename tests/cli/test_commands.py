import os
import subprocess
import sys
from pathlib import Path

import pytest

from gudspec import __version__
from gudspec.cli.main import main
from gudspec.spec.load import load

MINIMAL = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"


def gudspec(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return int(exit.value.code or 0), captured.out, captured.err


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(MINIMAL)
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert gudspec(capsys, "--version") == (0, f"gudspec {__version__}\n", "")


def test_lint_of_a_clean_spec_finds_nothing(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gudspec(capsys, "lint", spec)
    assert (code, out) == (0, "")


def test_lint_prints_its_findings(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = gudspec(capsys, "lint", spec, spec.parent, "--set", "sed=1", "--set", "train.steps=0")
    assert code == 1
    assert "--set:1:1: error GUD104" in out
    assert "--set:1:13: error GUD105" in out
    assert "2 errors, 0 warnings" in err


def test_lint_separates_findings_from_failure(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = gudspec(capsys, "lint", spec, spec.parent / "none.yaml")
    assert code == 2
    assert "GUD001" in out


def test_show_prints_a_spec(spec: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = gudspec(capsys, "show", spec, "--set", "seed=3")
    assert (code, err) == (0, "")
    assert "# --set" in out
    (tmp_path / "shown.yaml").write_text(out, encoding="utf-8")
    assert load(tmp_path / "shown.yaml") == load(spec, ["seed=3"])


def test_a_bad_spec_ends_in_diagnostics_and_code_2(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(MINIMAL + "sed: 1\n")
    code, out, err = gudspec(capsys, "show", spec)
    assert (code, out) == (2, "")
    assert f"{spec}:4:1: error GUD104" in err
    assert "Traceback" not in err


def test_linting_imports_no_jax(spec: Path) -> None:
    program = (
        "import sys\nfrom gudspec.cli.main import main\n"
        f"try:\n    main(['lint', {str(spec)!r}, '--set', 'train.steps=5'])\n"
        "finally:\n    print([m for m in ('jax', 'flax', 'numpy', 'optax', 'matplotlib') if m in sys.modules])\n"
    )
    environment = os.environ | {"GUDSPEC_CACHE": str(spec.parent / "cache")}  # nothing is known of the data
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1, done.stderr
    assert done.stdout.endswith("[]\n")


def test_told_to_stop_when_all_is_done_a_command_ends_as_it_would_have() -> None:
    """As by a scheduler that takes the machine back while the process of a finished run comes to its end."""
    code = (
        "import atexit, os, signal\nfrom gudspec.cli.main import main\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGTERM)\nmain()"
    )
    assert subprocess.run([sys.executable, "-c", code, "--version"], check=False).returncode == 0


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("gcsfs.retry", "Anonymous caller does not have storage.objects.list access", "error: Anonymous caller"),
        ("google.auth.exceptions", "", "error: RefreshError"),
    ],
)
def test_an_object_store_that_fails_ends_in_a_message(
    module: str,
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*arguments: object) -> None:
        raise type("RefreshError", (Exception,), {"__module__": module})(text)

    monkeypatch.setattr("gudspec.launch.status.rows", fail)
    with pytest.raises(SystemExit) as end:
        main(["runs", str(tmp_path)])
    assert end.value.code == 1
    assert capsys.readouterr().err.startswith(said)


def test_a_mistake_of_ours_is_not_called_one_of_the_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> None:
        raise ValueError("ours")

    monkeypatch.setattr("gudspec.launch.status.rows", fail)
    with pytest.raises(ValueError, match="ours"):
        main(["runs", str(tmp_path)])
