"""`gudspec sample`."""

from typing import Annotated

import typer

from gudspec.cli.eval import Workdir
from gudspec.cli.options import Overrides

__all__ = ["sample"]


def sample(
    workdir: Workdir,
    count: Annotated[int, typer.Option("--count", min=1, help="How many images.")] = 64,
    name: Annotated[str | None, typer.Option("--name", help="Entry of `sample` to follow; default: first.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the noise; default: the spec's.")] = None,
    overrides: Overrides = None,
) -> None:
    """Draw samples from a trained run, as a picture and an array in its folder `samples`."""
    from gudspec.engine import main as engine
    from gudspec.engine.console import Terminal

    with Terminal() as terminal:
        terminal.say(engine.draw(workdir, count, name=name, seed=seed, overrides=overrides or (), reporter=terminal))
