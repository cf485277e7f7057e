"""Large pages: a process starts once more, with the environment that asks for them, and is otherwise the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gudspec.cli.main import COMPUTING, app

SCRIPT = """
import json, os, pathlib, sys
from gudspec.cli import pages
pages._GIVEN = pathlib.Path(sys.argv[1])
starts = int(os.environ.pop("STARTS", "0")) + 1
os.environ["STARTS"] = str(starts)
pages.take_large_pages()
print(json.dumps([starts, os.getpid(), sys.argv[1:], os.environ.get("GLIBC_TUNABLES"), sys.stdin.read()]))
"""
HUGETLB = "glibc.malloc.hugetlb=1"


@pytest.mark.parametrize(
    ("given", "said", "starts", "then"),
    [
        ("always [madvise] never", None, 2, HUGETLB),
        ("always [madvise] never", "glibc.malloc.perturb=0", 2, f"glibc.malloc.perturb=0:{HUGETLB}"),
        ("always [madvise] never", "glibc.malloc.hugetlb=0", 1, "glibc.malloc.hugetlb=0"),
        ("[always] madvise never", None, 1, None),
        ("always madvise [never]", None, 1, None),
        (None, None, 1, None),
    ],
)
def test_starts_once_more_where_asking_helps(
    given: str | None, said: str | None, starts: int, then: str | None, tmp_path: Path
) -> None:
    file = tmp_path / "enabled"
    if given is not None:
        file.write_text(given)
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    if said is not None:
        environment["GLIBC_TUNABLES"] = said
    order = [sys.executable, "-c", SCRIPT, str(file), "a b", "--c=ö"]
    with subprocess.Popen(
        order, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        output, _ = process.communicate("input")
    assert json.loads(output) == [starts, process.pid, [str(file), "a b", "--c=ö"], then, "input"]


ENTRY = """
import sys
from gudspec.cli import main
main.take_large_pages = lambda: print("asks")
main.app = lambda *arguments, **options: print("runs")
main.main(*([sys.argv[1:]] if sys.argv.pop(1) == "called" else []))
"""


@pytest.mark.parametrize(
    ("how", "command", "said"),
    [("started", name, "asks runs") for name in sorted(COMPUTING)]
    + [("started", name, "runs") for name in ("lint", "show", "launch", "--version")]
    + [("called", "run", "runs")],  # a process that calls it is not this package's to start again
)
def test_asks_where_a_command_computes(how: str, command: str, said: str) -> None:
    order = [sys.executable, "-c", ENTRY, how, command, "x"]
    assert subprocess.run(order, check=True, capture_output=True, text=True).stdout.split() == said.split()


def test_commands_that_compute_are_commands() -> None:
    assert {
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    } > COMPUTING
