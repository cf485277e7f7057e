"""`gudspec show`."""

import typer

from gudspec.cli.options import Overrides, Spec

__all__ = ["show"]


def show(spec: Spec, overrides: Overrides = None) -> None:
    """Print the resolved spec, with the origin of every value.

    Defaults are included: the output is a spec itself, which on its own reproduces the run.
    """
    from gudspec.spec.load import read
    from gudspec.spec.resolved import show as resolved

    typer.echo(resolved(read(spec, overrides or ())), nl=False)
