"""`gudspec optimize`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gudspec.cli.eval import Workdir
from gudspec.engine.signals import StopRequest

if TYPE_CHECKING:
    from gudspec.engine.optimize import Optimized

__all__ = ["optimize"]


def optimize(
    workdir: Workdir,
    output: Annotated[Path | None, typer.Option("--output", metavar="FILE.yaml", help="Write it as a spec.")] = None,
    search: Annotated[
        Literal["parameters", "knots"] | None,
        typer.Option("--search", help="Parameters in their ranges, or a path of knots; default: what was trained on."),
    ] = None,
    pieces: Annotated[int, typer.Option("--pieces", min=2, max=256, help="Pieces of a path of knots.")] = 16,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Steps of the search.")] = 200,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Images of a step.")] = 64,
    images: Annotated[
        int | None, typer.Option("--images", min=2, help="Test images of the gain; default: all.")
    ] = None,
    times: Annotated[int, typer.Option("--times", min=1, help="Times per image when the gain is measured.")] = 64,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="For people or for machines.")] = "text",
) -> None:
    """Search the path inside the trained region of γ that minimizes the variational bound. See docs/optimizing.md.

    Exits 0 when done, also where nothing was gained, and 2 if there is nothing to search.
    """
    with StopRequest() as stop:
        from gudspec.engine.console import Terminal
        from gudspec.engine.main import Options
        from gudspec.engine.optimize import Asked
        from gudspec.engine.optimize import optimize as searched

        asked = Asked(
            search=search, pieces=pieces, steps=steps, batch_size=batch_size, images=images, evaluations=times
        )
        with Terminal() as terminal:
            found = searched(workdir, asked, options=Options(terminal, stop))
    if output is not None:
        _write(output, found)
    typer.echo(json.dumps(_as_json(found), indent=2) if form == "json" else _line(found))


def _line(found: Optimized) -> str:
    gain = f"gain {found.gain:+.4f} ± {found.standard_error:.4f} bits/dim on {found.images} test images"
    at = "" if not isinstance(found.found, dict) else "; " + ", ".join(f"{k} = {v:g}" for k, v in found.found.items())
    return f"{gain}: bound {found.before:.4f} → {found.after:.4f}, searched: {found.search}{at}"


def _as_json(found: Optimized) -> dict[str, object]:
    names = ("search", "gain", "standard_error", "before", "after", "images")
    path = found.found if isinstance(found.found, dict) else found.found.model_dump(mode="json")  # type: ignore[union-attr]
    return {**{name: getattr(found, name) for name in names}, "found": path}


def _write(output: Path, found: Optimized) -> None:
    """Writes the spec, and says what the linter says of it."""
    from gudspec.errors import Refused
    from gudspec.linter.check import lint
    from gudspec.spec.diagnostics import render

    try:
        output.write_text(found.text, encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError) as error:
        raise Refused(f"error: cannot write {output}: {error.strerror}") from None
    if findings := lint(output):
        typer.echo(render(findings), err=True)
