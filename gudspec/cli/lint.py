"""`gudspec lint`."""

from pathlib import Path
from typing import Annotated

import typer

from gudspec.cli.options import Overrides

__all__ = ["lint"]


def lint(
    paths: Annotated[list[Path], typer.Argument(metavar="PATHS", help="Specs, or folders of specs.")],
    overrides: Overrides = None,
) -> None:
    """Check specs without running anything.

    Exits 0 if all is well, 1 with findings, and 2 if a path cannot be read.
    """
    import gudspec
    from gudspec.spec.diagnostics import render

    found = gudspec.lint(paths, overrides or ())
    if not found:
        return
    typer.echo(render(found))
    errors = sum(one.severity == "error" for one in found)
    typer.echo(f"\n{_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}", err=True)
    raise typer.Exit(2 if any(one.code == "GUD001" for one in found) else 1)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
