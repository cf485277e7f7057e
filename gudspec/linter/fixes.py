"""Applies what is certain: `gudspec lint --fix`."""

import difflib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from gudspec.linter.check import examine
from gudspec.spec.diagnostics import Diagnostic, Source

__all__ = ["difference", "fixed", "save"]

_ROUNDS = 20
"""One fix may make room for another; more rounds than this are a circle."""
_BOM = b"\xef\xbb\xbf"
Wanted = Callable[[Diagnostic], bool]


def fixed(source: Source, overrides: tuple[str, ...] = (), wanted: Wanted = lambda found: True) -> tuple[Source, int]:
    """A spec with every certain suggestion applied, until there are none.

    Only the text of the findings changes. A change that makes the spec worse is not made: one that costs it its
    syntax or its structure, or that brings more errors.

    Args:
        source: the spec; findings in files that it extends, or in overrides, are left alone.
        overrides: what `--set` changes.
        wanted: which findings of rules are wanted.

    Returns:
        The spec, and the number of fixes; the same spec if there are none.
    """
    count = 0
    for _ in range(_ROUNDS):
        findings = examine([(source, None)], overrides, wanted).findings
        edits = _disjoint(found for found in findings if found.certain and found.span.source == source)
        better = _better(source, edits, findings, overrides, wanted)
        if better is None and len(edits) > 1:  # one of them does harm: which?
            edits, better = next(
                (([one], text) for one in edits if (text := _better(source, [one], findings, overrides, wanted))),
                (edits, None),
            )
        if better is None:
            break
        source, count = better, count + len(edits)
    return source, count


def difference(before: Source, after: Source) -> str:
    """A unified diff, empty if nothing changed."""
    old, new = (source.text.splitlines(keepends=True) for source in (before, after))
    found = difflib.unified_diff(old, new, fromfile=before.name, tofile=after.name)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in found)


def save(source: Source) -> None:
    """Writes a spec back, all at once: whoever reads meanwhile sees the old text or the new one.

    The byte order mark and the permissions of the file are kept.
    """
    path = Path(os.path.realpath(source.name))
    mark = _BOM if path.read_bytes().startswith(_BOM) else b""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "wb") as file:
            file.write(mark + source.text.encode())
        os.chmod(temporary, path.stat().st_mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _better(
    source: Source, edits: list[Diagnostic], findings: Iterable[Diagnostic], overrides: tuple[str, ...], wanted: Wanted
) -> Source | None:
    """The text with some edits, if that is no worse."""
    after = Source(source.name, _edited(source.text, edits))
    if after == source:
        return None
    return after if _badness(examine([(after, None)], overrides, wanted).findings) <= _badness(findings) else None


def _badness(findings: Iterable[Diagnostic]) -> tuple[int, int]:
    """How far a spec is from running: what is wrong with its text hides its structure, and that hides its design."""
    errors = [found.code for found in findings if found.severity == "error"]
    stage = 2 if any(code < "GUD100" for code in errors) else 1 if any(code < "GUD200" for code in errors) else 0
    return stage, len(errors)


def _disjoint(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Suggestions that do not overlap, the first of those that do."""
    chosen: list[Diagnostic] = []
    for one in sorted(found, key=lambda one: (one.span.start, one.span.end)):
        if one.suggestion is not None and (not chosen or chosen[-1].span.end <= one.span.start):
            chosen.append(one)
    return chosen


def _edited(text: str, edits: list[Diagnostic]) -> str:
    offsets = [0]
    for line in text.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    for edit in reversed(edits):
        start, end = (offsets[mark.line - 1] + mark.column - 1 for mark in (edit.span.start, edit.span.end))
        text = text[:start] + (edit.suggestion or "") + text[end:]
    return text
