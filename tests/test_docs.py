"""What the documentation shows is what happens: every ```console block is run, and its output compared.

A block holds commands, `$ gudspec …`, each followed by what it prints: stdout, then stderr. A line `…` stands for any
lines. Commands run in the root of the repository, and must leave nothing behind.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> list[tuple[str, str, str]]:
    """Page, command and output, as they are written."""
    found = []
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, output = part.partition("\n")
                found.append((page.relative_to(ROOT).as_posix(), command, output))
    return found


def matches(written: str, happened: str) -> bool:
    lines = written.rstrip().splitlines()
    pattern = "".join("(?:.*\n)*" if line == "…" else f"{re.escape(line)}\n" for line in lines)
    return re.fullmatch(pattern, f"{happened.rstrip()}\n") is not None


@pytest.mark.parametrize(
    ("page", "command", "output"),
    [pytest.param(*one, marks=pytest.mark.slow if "--deep" in one[1] else ()) for one in shown()],
    ids=lambda part: " ".join(part.split())[:60],
)
def test_what_is_shown_is_what_happens(page: str, command: str, output: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(command)
    assert program == "gudspec", f"{page}: only gudspec's own output is shown"
    environment = os.environ | {"GUDSPEC_CACHE": str(tmp_path), "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-m", "gudspec", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    happened = done.stdout + done.stderr
    assert matches(output, happened), f"{page} shows for `{command}`:\n{output}\nbut it is:\n{happened}"


def test_the_test_can_fail() -> None:
    assert matches("a\n…\nc\n", "a\nb\nb\nc\n")
    assert not matches("a\n…\nc\n", "a\nb\n")
    assert not matches("a.c\n", "abc\n")


def test_something_is_shown() -> None:
    assert shown()
