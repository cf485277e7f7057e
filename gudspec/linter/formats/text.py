"""Findings as a compiler prints them, with the line and a caret."""

from gudspec.linter.check import Report
from gudspec.spec.diagnostics import render

__all__ = ["write"]


def write(report: Report) -> str:
    """All findings, then what the programs cost if that was asked, separated by empty lines."""
    return "\n\n".join(part for part in (render(report.findings), *(one.text() for one in report.costs)) if part)
