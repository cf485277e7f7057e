"""`gudspec eval`."""

from typing import Annotated

import typer

from gudspec.cli.options import Overrides

__all__ = ["Workdir", "evaluate"]

Workdir = Annotated[str, typer.Argument(metavar="WORKDIR", help="The folder of a run.")]


def evaluate(workdir: Workdir, overrides: Overrides = None) -> None:
    """Evaluate a trained run again, for example with `--set evaluate.0.images=100`.

    Results that are already there are not computed twice. The overrides must leave the design alone.
    """
    from gudspec.engine import main as engine
    from gudspec.engine.console import Terminal

    with Terminal() as terminal:
        engine.evaluate(workdir, overrides or (), reporter=terminal)
