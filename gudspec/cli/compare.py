"""`gudspec compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gudspec.cli.runs import RowFormat

if TYPE_CHECKING:
    from gudspec.report.comparison import Comparison

__all__ = ["compare"]


def compare(
    workdirs: Annotated[list[str], typer.Argument(metavar="WORKDIR…", help="The folders of two runs or more.")],
    out: Annotated[Path | None, typer.Option("--output", metavar="FILE.html", help="Write a page instead.")] = None,
    form: RowFormat = "table",
) -> None:
    """Put runs side by side: what differs between their specs, likelihoods, costs, and on the page curves and samples.

    Exits 0, or 2 if one of them is no run.
    """
    from gudspec.report.comparison import as_json
    from gudspec.report.comparison import compare as compared

    comparison = compared(workdirs)
    if out is not None:
        _write(out, comparison)
    if form == "json":
        typer.echo(json.dumps(as_json(comparison), indent=2, ensure_ascii=False))
    else:
        typer.echo(out if out is not None else _tables(comparison))


def _write(out: Path, comparison: Comparison) -> None:
    from gudspec.errors import Refused
    from gudspec.report.comparison_page import render_comparison

    try:
        out.write_text(render_comparison(comparison), encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise Refused(f"error: cannot write {out}: {error.strerror}") from None


def _tables(comparison: Comparison) -> str:
    from gudspec.report.comparison_page import NOTE, cells, costs, measured, warnings

    blocks = list(warnings(comparison))
    if comparison.likelihoods:
        rows = [(measured(row), cells(comparison, row)) for row in comparison.likelihoods]
        blocks += [f"{_table('bits/dim', comparison.labels, rows)}\n{NOTE}"]
    blocks.append(_table("", comparison.labels, costs(comparison)))
    if comparison.differences:
        fields = [
            (path, ["—" if value is None else value for value in values]) for path, values in comparison.differences
        ]
        blocks.append(_table("what differs", comparison.labels, fields))
    else:
        blocks.append("the specs say the same")
    return "\n\n".join(blocks)


def _table(first: str, labels: list[str], rows: list[tuple[str, list[str]]]) -> str:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False)
    for head in (first, *labels):
        grid.add_column(Text(head), overflow="fold")
    for name, values in rows:
        grid.add_row(Text(name), *map(Text, values))
    console = Console(width=200, highlight=False)
    with console.capture() as text:
        console.print(grid)
    return "\n".join(line.rstrip() for line in text.get().splitlines())
