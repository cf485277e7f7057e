"""Findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request."""

from gudspec.linter.check import Report
from gudspec.spec.diagnostics import SET, Diagnostic

__all__ = ["write"]

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def write(report: Report) -> str:
    """A command per finding."""
    return "\n".join(map(_command, report.findings))


def _command(found: Diagnostic) -> str:
    span = found.span
    properties: dict[str, object] = {}
    if span.file != SET:
        properties = {"file": span.file, "line": span.start.line, "endLine": span.end.line}
        if span.start.line == span.end.line:  # columns of several lines are refused
            properties |= {"col": span.start.column, "endColumn": span.end.column}
    properties["title"] = f"gudspec {found.code}"
    listed = ",".join(f"{key}={_escaped(str(value), _PROPERTY)}" for key, value in properties.items())
    hint = f"did you mean `{found.suggestion}`?" if found.suggestion else ""
    place = f"{span}: " if span.file == SET else ""
    lines = [f"{place}{found.message}", *([hint] if hint else []), *found.notes]
    return f"::{found.severity} {listed}::{_escaped(chr(10).join(lines), _DATA)}"


def _escaped(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
