"""`gudspec run`."""

from typing import Annotated

import typer

from gudspec.cli.options import Overrides, Spec

__all__ = ["run"]


def run(
    spec: Spec,
    workdir: Annotated[str, typer.Option("--workdir", metavar="DIR", help="Where the run lives; created if needed.")],
    overrides: Overrides = None,
) -> None:
    """Train, evaluate, sample and report; continue if the workdir holds an interrupted run of the same design.

    Exits 0 when done, 2 if the spec, the data or the workdir is refused, 3 if training diverged, and 75 if it was
    interrupted with its state saved.
    """
    from gudspec.data.errors import DataError
    from gudspec.linter.check import check
    from gudspec.spec.diagnostics import Diagnostic, SpecError, render
    from gudspec.spec.load import read
    from gudspec.spec.resolved import show
    from gudspec.spec.tree import place

    document = read(spec, overrides or ())
    found = check(document)
    if any(one.severity == "error" for one in found):
        raise SpecError(found)
    if found:
        typer.echo(render(found), err=True)

    from gudspec.engine.console import Terminal  # JAX is only paid for by a spec that can run
    from gudspec.engine.main import run as run_engine

    with Terminal() as terminal:
        try:
            run_engine(document.experiment, workdir, resolved=show(document), reporter=terminal)
        except DataError as error:
            span = place(document.tree, tuple(error.field.split(".")))
            raise SpecError([Diagnostic(error.code, error.message, span)]) from None
