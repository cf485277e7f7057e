"""Diagnostics as the protocol wants them."""

import os

from lsprotocol import types
from pygls.uris import from_fs_path

from gudspec.editor.analysis import Analysis
from gudspec.editor.positions import Positions
from gudspec.spec.diagnostics import Diagnostic, Span

__all__ = ["location", "own", "published"]

_SEVERITIES = {"error": types.DiagnosticSeverity.Error, "warning": types.DiagnosticSeverity.Warning}


def published(analysis: Analysis) -> list[types.Diagnostic]:
    """All problems of a text; those of files that it extends are shown at its `extends`."""
    return [_converted(analysis, problem) for problem in analysis.diagnostics]


def own(analysis: Analysis, range: types.Range) -> list[tuple[Diagnostic, types.Diagnostic]]:
    """The problems in the text itself that touch a range."""
    found = []
    for problem in analysis.diagnostics:
        if problem.span.file == analysis.name:
            converted = _converted(analysis, problem)
            if _key(converted.range.start) <= _key(range.end) and _key(range.start) <= _key(converted.range.end):
                found.append((problem, converted))
    return found


def location(span: Span, encoding: str) -> types.Location:
    """A place in another file."""
    uri = from_fs_path(os.path.abspath(span.file)) or ""
    return types.Location(uri, Positions(span.source.text, encoding).of_span(span))


def _key(position: types.Position) -> tuple[int, int]:
    return position.line, position.character


def _converted(analysis: Analysis, problem: Diagnostic) -> types.Diagnostic:
    message = "\n".join([problem.message, *problem.notes])
    if problem.suggestion:
        message += f"\ndid you mean `{problem.suggestion}`?"
    if problem.span.file == analysis.name:
        place, related = analysis.positions.of_span(problem.span), None
    else:
        slot = analysis.outline.find(("extends",))
        place = analysis.positions.range(*(slot.value if slot else (0, 0)))
        related = [types.DiagnosticRelatedInformation(location(problem.span, analysis.encoding), problem.message)]
        message = f"{problem.span}: {message}"
    return types.Diagnostic(
        range=place,
        message=message,
        severity=_SEVERITIES[problem.severity],
        code=problem.code,
        source="gudspec",
        related_information=related,
    )
