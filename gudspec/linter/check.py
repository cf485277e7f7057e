"""Linting: read specs, put every rule to them, and list what is found."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from gudspec.linter import design, evaluation, groups, training
from gudspec.linter.rule import Rule
from gudspec.spec.diagnostics import Diagnostic, Source, Span, SpecError, in_order
from gudspec.spec.load import Document, read

__all__ = ["RULES", "check", "lint"]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (rule() for rule in (*design.RULES, *groups.RULES, *training.RULES, *evaluation.RULES)),
        key=lambda rule: rule.code,
    )
)
"""Every rule, by code."""


def lint(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], overrides: Iterable[str] = ()
) -> list[Diagnostic]:
    """Everything that is wrong with some specs.

    Args:
        paths: files, or folders in which every `.yaml` and `.yml` is a spec.
        overrides: `path.to.key=value` each, applied to every spec.

    Returns:
        The problems, file by file in the order of the paths, by position in each. Empty if all is well.
    """
    overrides = tuple(overrides)
    found: list[Diagnostic] = []
    for path in [paths] if isinstance(paths, str | os.PathLike) else paths:
        files = list(_files(Path(path)))
        for file in files:
            try:
                found.extend(check(read(file, overrides)))
            except SpecError as error:
                found.extend(error.diagnostics)
        if not files:
            found.append(Diagnostic("GUD001", "no specs in this folder", Span(Source(os.fspath(path), ""))))
    # Specs that extend the same file share its problems.
    unique: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in found:
        unique.setdefault((one.code, one.span, one.message), one)
    return list(unique.values())


def check(document: Document) -> list[Diagnostic]:
    """What the rules find in a spec that could be read, by position.

    Args:
        document: a spec as `gudspec.spec.load.read` returns it.
    """
    return in_order(document.source, (found for rule in RULES for found in rule.diagnostics(document)))


def _files(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from (
            str(file) for file in sorted(path.rglob("*")) if file.suffix in (".yaml", ".yml") and file.is_file()
        )
    else:
        yield str(path)
