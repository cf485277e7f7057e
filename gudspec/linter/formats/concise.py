"""A line per finding, `file:line:column: severity CODE: message`, as editors and grep want it."""

from gudspec.linter.check import Report

__all__ = ["write"]


def write(report: Report) -> str:
    """All findings, a line each."""
    return "\n".join(
        f"{one.span}: {one.severity} {one.code}: {' '.join(one.message.split())}"
        + (f"; did you mean `{one.suggestion}`?" if one.suggestion else "")
        for one in report.findings
    )
