"""`gudspec checkpoints`."""

import json
from typing import Annotated, Any

import typer

from gudspec.cli.eval import Workdir
from gudspec.cli.runs import RowFormat

__all__ = ["checkpoints"]


def checkpoints(
    workdir: Workdir,
    verify: Annotated[bool, typer.Option("--verify/--list", help="Read each and compare its checksum.")] = True,
    form: RowFormat = "table",
) -> None:
    """List the checkpoints of a run, and verify them.

    Exits 0 if all are intact, 1 if one is damaged, and 2 if there is no such run.
    """
    from gudspec.engine.inspect import inspect

    rows: list[dict[str, Any]] = inspect(workdir, verify)
    if form == "json":
        typer.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            commit = (row["commit"] or "no commit")[:12]
            typer.echo(f"{row['step']:>10}  {row['state']:<9}  gudspec {row['version']} ({commit})  {row['problem']}")
        if not rows:
            typer.echo("no checkpoints")
    if any(row["state"] == "damaged" for row in rows):
        raise typer.Exit(1)
