"""Quick fixes: what a diagnostic suggests, and comments that silence it."""

import re
from collections.abc import Iterator

from lsprotocol.types import CodeAction, CodeActionKind, Range, TextEdit, WorkspaceEdit
from lsprotocol.types import Diagnostic as Shown

from gudspec.editor.analysis import Analysis
from gudspec.editor.diagnostics import own
from gudspec.linter.check import SILENT
from gudspec.spec.diagnostics import Diagnostic

__all__ = ["FIX_ALL", "actions"]

FIX_ALL = "source.fixAll.gudspec"
_IGNORE = re.compile(r"#\s*gudspec:\s*ignore\[[^\]]*(?=\])")


def actions(analysis: Analysis, uri: str, range: Range) -> list[CodeAction]:
    """What can be done about the problems that touch a range."""
    found = list(own(analysis, range))
    fixes = [fix for problem, shown in found for fix in _fixes(analysis, uri, problem, shown)]
    certain = [
        TextEdit(shown.range, problem.suggestion or "")
        for problem, shown in own(analysis, analysis.positions.everything)
        if problem.certain and problem.suggestion is not None
    ]
    if certain:
        edit = WorkspaceEdit({uri: _disjoint(certain)})
        fixes.append(CodeAction("Fix all that is certain", kind=FIX_ALL, edit=edit))
    return fixes


def _fixes(analysis: Analysis, uri: str, problem: Diagnostic, shown: Shown) -> Iterator[CodeAction]:
    if problem.suggestion is not None:
        title = f"Change to `{problem.suggestion}`" if problem.suggestion else "Remove this"
        yield _quick(title, uri, TextEdit(shown.range, problem.suggestion), shown, preferred=problem.certain)
    if problem.code in SILENT:
        yield _quick(f"Ignore {problem.code} here", uri, _silence(analysis, problem), shown)


def _silence(analysis: Analysis, problem: Diagnostic) -> TextEdit:
    """An edit that puts the code into a comment at the end of the line."""
    line = problem.span.source.line(problem.span.start.line)
    start = analysis.positions.offset_of(problem.span.start) - (problem.span.start.column - 1)
    if listed := _IGNORE.search(line):
        at, text = listed.end(), f", {problem.code}"
    else:
        at, text = len(line.rstrip()), f"  # gudspec: ignore[{problem.code}]"
    return TextEdit(analysis.positions.range(start + at, start + at), text)


def _quick(title: str, uri: str, edit: TextEdit, shown: Shown, *, preferred: bool = False) -> CodeAction:
    return CodeAction(
        title,
        kind=CodeActionKind.QuickFix,
        diagnostics=[shown],
        is_preferred=preferred or None,
        edit=WorkspaceEdit({uri: [edit]}),
    )


def _disjoint(edits: list[TextEdit]) -> list[TextEdit]:
    """Edits that do not overlap, the first of those that do."""
    chosen: list[TextEdit] = []
    for edit in sorted(edits, key=lambda edit: (edit.range.start.line, edit.range.start.character)):
        end = chosen[-1].range.end if chosen else None
        if end is None or (end.line, end.character) <= (edit.range.start.line, edit.range.start.character):
            chosen.append(edit)
    return chosen
