"""`gudspec verify`."""

from typing import Annotated, Literal

import typer

from gudspec.cli.options import Overrides, Spec

__all__ = ["verify"]


def verify(
    spec: Spec,
    overrides: Overrides = None,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="For people or for machines.")] = "text",
) -> None:
    """Prove a spec right before training: its own programs on Gaussian data, against closed forms.

    Exits 0 if every check passes, 1 if one fails, and 2 if the spec or its data cannot be used.
    """
    import json

    from gudspec.cli.checked import checked, located
    from gudspec.verify.main import verify as checks

    document = checked(spec, overrides)
    failed = 0
    with located(document):
        found = []
        for check in checks(document.experiment):
            failed += not check.passed
            found.append(check.as_dict())
            if format == "text":
                typer.echo(_line(found[-1]))
    if format == "json":
        typer.echo(json.dumps({"checks": found}, indent=2))
    else:
        typer.echo(f"\n{len(found) - failed} of {len(found)} checks passed")
    raise typer.Exit(1 if failed else 0)


def _line(check: dict[str, object]) -> str:
    reported = check["tolerance"] is None
    mark = "·" if reported else "✓" if check["passed"] else "✗"
    bounds = "" if reported else f"  expected {check['expected']:.5g} ± {check['tolerance']:.1g}"
    note = f"  ({check['note']})" if check["note"] and (reported or not check["passed"]) else ""
    return f"{mark} {check['name']:<72} {check['measured']:>10.5g}{bounds}{note}"
