"""How findings are written: one small file per format, for people and for the machines that ask."""

from importlib import import_module
from typing import Literal, get_args

from gudspec.linter.check import Report

__all__ = ["FORMATS", "Format", "formatted"]

Format = Literal["text", "concise", "json", "github", "sarif", "junit"]
FORMATS: tuple[str, ...] = get_args(Format)


def formatted(report: Report, format: Format) -> str:
    """A report as text; empty where there is nothing to say.

    Args:
        report: what was found.
        format: for people `text` and `concise`, for their machines the others.
    """
    home = import_module(f"gudspec.linter.formats.{format}")
    written: str = home.write(report)
    return written
