"""`gudspec show`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gudspec.cli.options import Overrides, Spec

if TYPE_CHECKING:
    from gudspec.engine.prepare import Prepared
    from gudspec.program.design import Statistics

__all__ = ["show"]


def show(
    spec: Spec,
    figures: Annotated[
        Path | None, typer.Option("--figures", metavar="DIR", help="Draw the design on its data, as PNG.")
    ] = None,
    arrays: Annotated[
        Path | None, typer.Option("--arrays", metavar="FILE", help="Write the design as numbers, as NPZ.")
    ] = None,
    at: Annotated[
        str, typer.Option("--at", metavar="T,…", help="Times of the arrays, in [0, 1].")
    ] = "0,0.25,0.5,0.75,1",
    overrides: Overrides = None,
) -> None:
    """Print the resolved spec, with the origin of every value; or show its design, without training.

    Defaults are included: the output is a spec itself, which on its own reproduces the run. With `--figures` or
    `--arrays` the paths of the files are printed instead. Parameters are at their nominal values.
    """
    if figures is None and arrays is None:
        from gudspec.spec.load import read
        from gudspec.spec.resolved import show as resolved

        typer.echo(resolved(read(spec, overrides or ())), nl=False)
        return

    from gudspec.cli.checked import checked, located

    times = _times(at)
    document = checked(spec, overrides)

    from gudspec.engine.prepare import open_data, statistics_of

    with located(document):
        prepared = open_data(document.experiment)
        statistics = statistics_of(prepared)
    with _writing():
        _write(prepared, statistics, figures, arrays, times)


def _write(
    prepared: Prepared, statistics: Statistics, figures: Path | None, arrays: Path | None, times: list[float]
) -> None:
    if figures is not None:
        from gudspec.report.pictures import draw, examples

        images = examples(prepared.source.train, prepared.source.levels)
        for path in draw(figures, prepared.experiment, statistics, images):
            typer.echo(path)
    if arrays is not None:
        from gudspec.report.arrays import save_arrays

        save_arrays(arrays, prepared.experiment, statistics, times)
        typer.echo(arrays)


@contextmanager
def _writing() -> Iterator[None]:
    """Turns a place where nothing can be written into a refusal: a retry would end the same."""
    from gudspec.errors import Refused

    try:
        yield
    except (FileExistsError, FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise Refused(f"error: cannot write {error.filename}: {error.strerror}") from None


def _times(text: str) -> list[float]:
    try:
        times = [float(part) for part in text.split(",")]
    except ValueError:
        times = [math.nan]
    if not all(0 <= t <= 1 for t in times):
        raise typer.BadParameter(f"times are numbers from 0 to 1, separated by commas; not {text!r}", param_hint="--at")
    return times
