import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import gudspec
from tests.report.workdirs import SPEC, workdir


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return workdir(tmp_path / "one"), workdir(tmp_path / "two", SPEC.replace("name: drawings", "name: other\nseed: 3"))


def test_tables(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = gudspec(capsys, "compare", *folders)
    assert (code, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    assert ["Parameters", "1,234", "1,234"] in lines
    assert ["seed", "0", "3"] in lines
    assert "nll · nominal · likelihood, 360 test" in out


def test_json(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(gudspec(capsys, "compare", *folders, "--format", "json")[1])
    assert [run["label"] for run in found["runs"]] == ["drawings", "other"]
    assert found["differences"] == [{"path": "seed", "values": ["0", "3"]}]
    assert found["likelihoods"][0]["values"] == [{"value": 2.5, "standard_error": 0.01}] * 2


def test_a_page(folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "page.html"
    assert gudspec(capsys, "compare", *folders, "--output", file) == (0, f"{file}\n", "")
    assert "2 runs" in file.read_text(encoding="utf-8")
    code, _, err = gudspec(capsys, "compare", *folders, "--output", tmp_path / "none" / "page.html")
    assert code == 2
    assert err.startswith("error: cannot write")


def test_no_workdir(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = gudspec(capsys, "compare", tmp_path, tmp_path / "none")
    assert (code, out) == (2, "")
    assert err == f"{tmp_path} is not a workdir: it has no spec.resolved.yaml. `gudspec run` makes one\n"


def test_jax_is_not_imported(folders: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = ["compare", *map(str, folders), "--output", str(tmp_path / "page.html")]
    code = (
        "import sys\nfrom gudspec.cli.main import main\n"
        f"try:\n    main({arguments!r})\nfinally:\n    print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "False", done.stderr
