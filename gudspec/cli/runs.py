"""`gudspec runs`."""

from typing import Annotated, Literal, TypeAlias

import typer

__all__ = ["RowFormat", "runs"]

RowFormat: TypeAlias = Annotated[Literal["table", "json"], typer.Option("--format", help="For people or for machines.")]


def runs(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="A folder of workdirs, such as a sweep's.")],
    form: RowFormat = "table",
) -> None:
    """List the runs of a folder: how each is doing, its step and its metrics.

    Exits 0, or 2 if there is no such folder.
    """
    from etils import epath

    from gudspec.errors import Refused
    from gudspec.launch.status import rows, table

    if not epath.Path(folder).expanduser().is_dir():
        raise Refused(f"{folder} is not a folder")
    listed = rows(folder)
    typer.echo(table(listed, form) if listed or form == "json" else f"no runs in {folder}")
