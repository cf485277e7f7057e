"""The entry point `gudspec`."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from gudspec import __version__
from gudspec.cli.lint import lint
from gudspec.cli.show import show

__all__ = ["app", "main"]

app = typer.Typer(
    help="A declarative experiment-spec engine for unified diffusion models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(lint)
app.command()(show)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gudspec {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A declarative experiment-spec engine for unified diffusion models."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a spec that cannot be used ends in its diagnostics and exit code 2.

    Args:
        arguments: what follows `gudspec`; None takes the process' own.
    """
    from gudspec.spec.diagnostics import SpecError

    try:
        app(arguments, prog_name="gudspec")
    except SpecError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
