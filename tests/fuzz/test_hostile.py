"""Whatever a text is, it gets a diagnostic within a second, and never more than 300 MB of memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz.hostile import TEXTS, write

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("way", ["lint", "format", "edit"])
def test_hostile_texts(way: str, tmp_path: Path) -> None:
    write(tmp_path)
    environment = {**os.environ, "GUDSPEC_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "tests.fuzz.hostile", way, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    for name, (_, expected) in TEXTS.items():
        codes, seconds = told["found"][name]
        assert seconds < 1, f"{name} takes {seconds:.2f} s"
        if way == "lint":
            assert codes == ([expected] if expected else []), name
        elif way == "format" and expected in ("GUD002", "GUD003", "GUD004"):
            assert codes == [expected], name
    assert told["megabytes"] < 300
    assert not (ROOT / "pwned").exists()
