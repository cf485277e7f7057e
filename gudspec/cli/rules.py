"""`gudspec rules`."""

from typing import Annotated, Literal

import typer

__all__ = ["rules"]


def rules(
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="For people or for machines.")] = "text",
) -> None:
    """List every code that the linter reports; `gudspec explain CODE` says more about one."""
    import json

    from gudspec.linter.catalogue import CATALOGUE
    from gudspec.linter.check import SILENT

    if format == "text":
        for one in CATALOGUE:
            typer.echo(f"{one.code}  {one.severity:<7}  {one.summary}")
        return
    shown = [
        {
            "code": one.code,
            "severity": one.severity,
            "summary": one.summary,
            "explanation": one.explanation(),
            "bad": one.bad,
            "good": one.good,
            "source": one.source,
            "ignorable": one.code in SILENT,
        }
        for one in CATALOGUE
    ]
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
