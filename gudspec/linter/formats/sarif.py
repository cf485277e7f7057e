"""Findings as SARIF 2.1.0 (OASIS), which code scanning services read."""

import json
import os
from pathlib import Path
from urllib.parse import quote

from gudspec import __version__
from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.check import Report
from gudspec.linter.rule import Description
from gudspec.spec.diagnostics import SET, Diagnostic, Span

__all__ = ["write"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_INDEX = {description.code: index for index, description in enumerate(CATALOGUE)}


def write(report: Report) -> str:
    """One log with one run; its rules are all codes, so that services can explain what they show."""
    driver = {
        "name": "gudspec",
        "version": __version__,
        "rules": [_rule(description) for description in CATALOGUE],
    }
    notifications = [
        {"level": "note", "message": {"text": f"not checked, for want of the data's statistics: {', '.join(codes)}"}}
        | {"locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(source.name)}}}]}
        for source, codes in report.unchecked
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {"executionSuccessful": not report.unreadable, "toolExecutionNotifications": notifications},
        ],
        "results": [
            *(_result(one) for one in report.findings),
            *(_result(one) | {"suppressions": [{"kind": "inSource"}]} for one in report.ignored),
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _rule(description: type[Description]) -> dict[str, object]:
    source = f"\n\nSource: {description.source}" if description.source else ""
    example = f"\n\nBad:\n\n```yaml\n{description.bad}\n```\n\nGood:\n\n```yaml\n{description.good}\n```"
    return {
        "id": description.code,
        "name": description.__name__,
        "shortDescription": {"text": description.summary},
        "fullDescription": {"text": description.explanation()},
        "help": {
            "text": f"{description.explanation()}{source}",
            "markdown": f"{description.explanation()}{example}{source}",
        },
        "defaultConfiguration": {"level": description.severity},
    }


def _result(found: Diagnostic) -> dict[str, object]:
    hint = f"did you mean `{found.suggestion}`?" if found.suggestion else ""
    place = f"{found.span}: " if found.span.file == SET else ""
    text = "\n".join([f"{place}{found.message}", *([hint] if hint else []), *found.notes])
    result: dict[str, object] = {"ruleId": found.code, "level": found.severity, "message": {"text": text}}
    if found.code in _INDEX:
        result["ruleIndex"] = _INDEX[found.code]
    if found.span.file == SET:
        return result  # the command line is no artifact
    artifact = {"uri": _uri(found.span.file)}
    result["locations"] = [{"physicalLocation": {"artifactLocation": artifact, "region": _region(found.span)}}]
    if found.certain and found.suggestion is not None:
        replacement = {"deletedRegion": _region(found.span), "insertedContent": {"text": found.suggestion}}
        change = {"artifactLocation": artifact, "replacements": [replacement]}
        fix = f"change to `{found.suggestion}`" if found.suggestion else "remove this"
        result["fixes"] = [{"description": {"text": fix}, "artifactChanges": [change]}]
    return result


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end.line,
        "endColumn": span.end.column,
    }


def _uri(name: str) -> str:
    """Relative to the working directory, which in CI is the root of the repository; absolute outside of it."""
    relative = os.path.relpath(name)
    return Path(os.path.abspath(name)).as_uri() if relative.startswith("..") else quote(Path(relative).as_posix())
