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
    from gudspec.cli.checked import checked, located

    document = checked(spec, overrides)

    from gudspec.engine.console import Terminal  # JAX is only paid for by a spec that can run
    from gudspec.engine.main import run as run_engine
    from gudspec.spec.resolved import show

    with Terminal() as terminal, located(document):
        run_engine(document.experiment, workdir, resolved=show(document), reporter=terminal)
