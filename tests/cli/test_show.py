"""`gudspec show` with pictures and arrays: what is printed, what is refused, and that JAX stays away."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gudspec.cli.main import main

SPEC = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"


def show(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as exit:
        main(["show", *map(str, arguments)])
    captured = capsys.readouterr()
    return int(exit.value.code or 0), captured.out, captured.err


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def test_files_are_written_and_named(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, arrays = spec.parent / "figures", spec.parent / "design.npz"
    changed = "design.schedule={kind: sequential, inverse_softness: 0.25, gamma: {min: -8, max: 4}}"
    code, out, err = show(capsys, spec, "--figures", folder, "--arrays", arrays, "--at", "0, 1", "--set", changed)
    assert (code, err) == (0, "")
    files = [Path(line) for line in out.splitlines()]
    assert [file.stem for file in files] == ["schedule", "region", "windows", "forward", "spectrum", "design"]
    assert all(file.stat().st_size > 1000 for file in files)
    with np.load(arrays) as found:
        np.testing.assert_array_equal(found["t"], [0, 1])
        np.testing.assert_allclose(found["gamma"][0], -8)
        np.testing.assert_allclose(found["gamma"][1], 4)
        assert {0.0, 0.25, 0.75, 1.0} <= set(found["breakpoints"])


@pytest.mark.parametrize("at", ["", "0,two", "0,1.5", "-0.1", "nan", "0;1"])
def test_times_that_are_none_are_refused(at: str, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = show(capsys, spec, "--arrays", spec.parent / "a.npz", f"--at={at}")
    assert (code, out) == (2, "")
    assert "--at" in err
    assert "0 to 1" in err
    assert not (spec.parent / "a.npz").exists()


def test_missing_data_is_a_diagnostic_at_its_place(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text("gudspec: 1\nname: example\ndata:\n  source: {kind: npz, path: /nowhere/there.npz}\n")
    code, out, err = show(capsys, spec, "--figures", spec.parent / "figures")
    assert (code, out) == (2, "")
    assert f"{spec}:4:" in err
    assert "GUD401" in err
    assert not (spec.parent / "figures").exists()


def test_a_design_with_errors_is_refused(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec.write_text(SPEC + "design: {basis: {kind: haar, levels: 9}, schedule: {kind: hierarchical}}\n")
    code, out, err = show(capsys, spec, "--arrays", spec.parent / "a.npz")
    assert (code, out) == (2, "")
    assert "GUD2" in err


@pytest.mark.parametrize("option", ["--figures", "--arrays"])
def test_a_place_that_cannot_be_written_is_refused(option: str, spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = show(capsys, spec, option, spec / "below")
    assert (code, out) == (2, "")
    assert f"cannot write {spec}" in err


def test_jax_is_not_imported(spec: Path) -> None:
    program = (
        "import sys\nfrom gudspec.cli.main import main\n"
        f"try:\n    main(['show', {str(spec)!r}, '--figures', {str(spec.parent / 'f')!r}])\n"
        "finally:\n    print([m for m in ('jax', 'flax', 'optax', 'grain') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[]\n")
