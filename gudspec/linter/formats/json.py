"""Findings as JSON. The shape is documented in docs/linting.md and stable: keys are only ever added."""

import json

from gudspec.linter.check import Report
from gudspec.spec.diagnostics import Diagnostic, Mark

__all__ = ["write"]


def write(report: Report) -> str:
    """One object with all that is known."""
    shown = {
        "version": 1,
        "files": [source.name for source in report.sources],
        "findings": [_finding(one) for one in report.findings],
        "ignored": [_finding(one) for one in report.ignored],
        "unchecked": [{"file": source.name, "codes": list(codes)} for source, codes in report.unchecked],
        "errors": report.errors,
        "warnings": len(report.findings) - report.errors,
    }
    if report.costs:
        shown["deep"] = [one.as_dict() for one in report.costs]
    return json.dumps(shown, indent=2, ensure_ascii=False)


def _finding(found: Diagnostic) -> dict[str, object]:
    return {
        "code": found.code,
        "severity": found.severity,
        "message": found.message,
        "file": found.span.file,
        "start": _mark(found.span.start),
        "end": _mark(found.span.end),
        "suggestion": found.suggestion,
        "certain": found.certain,
        "notes": list(found.notes),
    }


def _mark(mark: Mark) -> dict[str, int]:
    return {"line": mark.line, "column": mark.column}
