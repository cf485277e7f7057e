"""What commands that take a spec and its data share."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import typer

from gudspec.data.errors import DataError
from gudspec.spec.diagnostics import Diagnostic, Source, SpecError, render
from gudspec.spec.load import Document, read
from gudspec.spec.tree import place

__all__ = ["checked", "located", "passed"]


def checked(spec: Path, overrides: Sequence[str] | None, base: Source | None = None, told: bool = False) -> Document:
    """A spec that lints without errors; its warnings go to stderr.

    Args:
        spec: the file.
        overrides: `path=value` each.
        base: a text that the file builds on without saying so.
        told: whether the user has seen the warnings.

    Raises:
        SpecError: it cannot run.
    """
    return passed(read(spec, overrides or (), base=base), base, told)


def passed(document: Document, base: Source | None = None, told: bool = False) -> Document:
    """A spec that was read already, if it lints without errors; its warnings go to stderr, but not those of its base.

    Raises:
        SpecError: it cannot run.
    """
    from gudspec.linter.check import check

    found = check(document)
    if any(one.severity == "error" for one in found):
        raise SpecError(found)
    own = [one for one in found if base is None or one.span.file != base.name]
    if own and not told:
        typer.echo(render(own), err=True)
    return document


@contextmanager
def located(document: Document) -> Iterator[None]:
    """Gives problems with the data their place in the spec."""
    try:
        yield
    except DataError as error:
        path = tuple(int(key) if key.isdecimal() else key for key in error.field.split("."))
        span = place(document.tree, path)
        raise SpecError([Diagnostic(error.code, error.message, span)]) from None
