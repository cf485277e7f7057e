"""Texts that nobody writes by accident, and a process that puts them to the linter, the formatter or the editor.

`python -m tests.fuzz.hostile lint FOLDER` looks at every file of a folder. It prints, as JSON, for each the code that
was found first and the seconds of CPU time of the slowest answer, and the megabytes that the process needed at most.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

__all__ = ["TEXTS", "write"]

_SPEC = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"
_DEEP = 10_000
_SAMPLE = _SPEC + "design: {schedule: {kind: soft_linear}}\nsample: [{name: a, at: {"


def _bomb(item: str, times: int) -> str:
    """Nine aliases of nine aliases of …"""
    names = "abcdefghijklmnop"
    lines = [f"{new}: &{new} [{', '.join([f'*{old}'] * times)}]\n" for old, new in pairwise(names)]
    return f"{_SPEC}a: &a [{item}]\n{''.join(lines)}"


TEXTS: dict[str, tuple[str | bytes, str]] = {
    # ── too much ────────────────────────────────────────────────────────────────────────────────────
    "alias-bomb": (_bomb("x", 9), "GUD003"),
    "large-list": (_SPEC + "x:\n" + "- 1\n" * 2_500_000, "GUD003"),
    "large-string": (_SPEC + "x: " + "a" * 10_000_000, "GUD003"),
    "large-nothing": (b"\0" * 10_000_000, "GUD003"),
    "large-empty": (b"\n" * 10_000_000, "GUD003"),
    "deep-list": (_SPEC + "x: " + "[" * _DEEP + "]" * _DEEP, "GUD003"),
    "deep-open": (_SPEC + "x: " + "[" * _DEEP, "GUD003"),
    "deep-braces": (_SPEC + "x: " + "{a: " * _DEEP + "1" + "}" * _DEEP, "GUD003"),
    "deep-dashes": (_SPEC + "x:\n " + "- " * _DEEP + "1", "GUD003"),
    "deep-keys": (_SPEC + "x:\n " + "? " * _DEEP + "1", "GUD003"),
    "deep-block": (_SPEC + "".join(" " * depth + "a:\n" for depth in range(600)), "GUD003"),
    # ── as much as there may be ─────────────────────────────────────────────────────────────────────
    "many-brackets": (_SPEC + "x: " + "[" * 240_000, "GUD003"),
    "many-unknown": (_SPEC + "".join(f"k{index}: 1\n" for index in range(4_500)), "GUD104"),
    "many-twice": (_SPEC + "seed: 1\n" * 4_500, "GUD006"),
    "many-tags": (_SPEC + "sample: [" + "!!python/object:a b, " * 9_000 + "]", "GUD009"),
    "many-aliases": (_SPEC + "sample: [" + "*a, " * 9_000 + "]", "GUD010"),
    "many-variables": (_SPEC + "x: '" + "${" * 120_000 + "'", "GUD013"),
    "many-comments": (_SPEC + "# gudspec: ignore[GUD230]\n" * 9_000, "GUD016"),
    "many-comments-inside": (
        _SPEC + "design: {schedule: {kind: ddpm, betas: [\n" + "0.001, # gudspec: ignore[GUD230]\n" * 7_000 + "]}}",
        "GUD016",
    ),
    "many-spaces": (_SPEC + "seed: 1 " + " " * 240_000 + "x", "GUD102"),
    "many-lines": (_SPEC + "\n" * 240_000 + "]", "GUD004"),
    "many-quoted-lines": (_SPEC + "x: '" + "a\n" * 120_000, "GUD004"),
    "long-key": (_SPEC + "a" * 240_000 + ": 1", "GUD004"),
    "long-keys": (_SPEC + "".join(f"{'k' * 900}{index}: 1\n" for index in range(250)), "GUD104"),
    "many-values": (_SAMPLE + "design.schedule.inverse_softness: [" + "0.5, " * 9_000 + "]}}]", "GUD222"),
    "many-paths": (_SAMPLE + ", ".join(f"p{index}: 1" for index in range(4_500)) + "}}]", "GUD221"),
    "many-knots": (
        _SPEC + "design: {schedule: {kind: knots, by: columns, values: [" + "[-9, 5], " * 3_000 + "]}}",
        "GUD218",
    ),
    "many-levels": (_SPEC + "network: {kind: unet, multipliers: [" + "1, " * 9_000 + "]}", "GUD202"),
    # ── not what it seems ───────────────────────────────────────────────────────────────────────────
    "binary": (random.Random(0).randbytes(100_000), "GUD002"),
    "zeros": (b"\0" * 1000, "GUD002"),
    "utf-16": (_SPEC.encode("utf-16"), "GUD002"),
    "utf-16-without-mark": (_SPEC.encode("utf-16-be"), "GUD002"),
    "utf-32": (_SPEC.encode("utf-32"), "GUD002"),
    "empty": ("", "GUD005"),
    "tabs": ("gudspec: 1\nname: example\ndata:\n\tsource:\n\t\tkind: digits\n", "GUD004"),
    "python": (_SPEC + "x: !!python/object/apply:os.system ['touch pwned']\n", "GUD009"),
    "lines-of-windows": (_SPEC.replace("\n", "\r\n"), ""),
    "mark-of-utf-8": (_SPEC.encode("utf-8-sig"), ""),
    # ── other files ─────────────────────────────────────────────────────────────────────────────────
    "itself": (_SPEC + "extends: itself.yaml\n", "GUD012"),
    "chain-0": (_SPEC + "extends: chain-1.yml\n", "GUD012"),
    "outside": (_SPEC + "extends: " + "../" * 40 + "etc/passwd\n", "GUD011"),
    "no-spec": (_SPEC + "extends: passwd.yml\n", "GUD005"),
    "endless": (_SPEC + "extends: zero.yml\n", "GUD011"),
    "nobody-writes": (_SPEC + "extends: pipe.yml\n", "GUD011"),
    "in-a-circle-of-links": (_SPEC + "extends: link.yml\n", "GUD011"),
}
"""Name → (text, the code of what is wrong first; empty where nothing is)."""


def write(folder: Path) -> None:
    """Writes all texts, and what they extend, into a folder."""
    for name, (text, _) in TEXTS.items():
        (folder / f"{name}.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    for index in range(1, 60):
        (folder / f"chain-{index}.yml").write_text(f"extends: chain-{index + 1}.yml\n")
    (folder / "passwd.yml").write_text("root:x:0:0:root:/root:/bin/bash\n  nobody:x:[\n")
    (folder / "zero.yml").symlink_to("/dev/zero")
    (folder / "link.yml").symlink_to("link.yml")
    os.mkfifo(folder / "pipe.yml")


def _lint(file: Path) -> Iterator[list[str]]:
    from gudspec.linter.check import examine
    from gudspec.linter.files import sources
    from gudspec.linter.formats import formatted

    report = examine(sources([file]))
    formatted(report, "text")
    yield [one.code for one in report.findings]


def _format(file: Path) -> Iterator[list[str]]:
    from gudspec.formatter.format import format_text
    from gudspec.linter.files import sources
    from gudspec.spec.diagnostics import SpecError

    ((source, unreadable),) = sources([file])
    try:
        if unreadable:
            raise SpecError([unreadable])
        format_text(source.text, name=source.name)
    except SpecError as error:
        yield [one.code for one in error.diagnostics]


def _edit(file: Path) -> Iterator[list[str]]:
    from lsprotocol.types import Position, Range

    from gudspec.editor.actions import actions
    from gudspec.editor.analysis import Analysis
    from gudspec.editor.completion import complete
    from gudspec.editor.diagnostics import published
    from gudspec.editor.hover import hover
    from gudspec.editor.symbols import definition, symbols

    text = file.read_bytes().decode("utf-8-sig", errors="replace")
    analysis = Analysis(str(file), text, "utf-16")
    yield [str(one.code) for one in published(analysis)]
    if not analysis.is_spec:  # then the server answers nothing
        return
    for place in (Position(3, 5), Position(text.count("\n"), 0)):
        yield [str(definition(analysis, place))]
        yield list(map(str, actions(analysis, file.as_uri(), Range(place, place))))
        yield [str(hover(analysis, place))]
        yield [str(len(symbols(analysis)))]
        yield list(map(str, complete(analysis, place, snippets=True)))


_WAYS: dict[str, Callable[[Path], Iterator[list[str]]]] = {"lint": _lint, "format": _format, "edit": _edit}


def main(way: str, folder: Path) -> None:
    """Looks at every text of a folder."""
    look = _WAYS[way]
    ready = folder / "lines-of-windows.yaml"
    list(look(ready))  # what has to be imported is
    found = {}
    for name in TEXTS:
        codes, seconds = _looked(look, folder / f"{name}.yaml")
        if seconds > 0.5:  # a slow text, or a machine that was busy with another one
            seconds = min(seconds, *(_looked(look, folder / f"{name}.yaml")[1] for _ in range(2)))
        found[name] = (codes, seconds)
    print(json.dumps({"found": found, "megabytes": _most_memory()}))


def _looked(look: Callable[[Path], Iterator[list[str]]], file: Path) -> tuple[list[str], float]:
    """The first codes that a look gives, and the processor's seconds of its slowest answer."""
    answers, seconds = [], [0.0]
    start = time.process_time()
    for answer in look(file):
        seconds.append(time.process_time() - start)
        answers.append(answer)
        start = time.process_time()
    return answers[0][:1] if answers else [], max(*seconds, time.process_time() - start)


def _most_memory() -> float:
    """Most resident memory of this program; `ru_maxrss` would count what its parent had when it was forked."""
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
