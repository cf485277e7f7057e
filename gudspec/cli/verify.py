"""`gudspec verify`."""

from typing import Annotated, Literal

import typer

from gudspec.cli.options import Overrides, Spec

__all__ = ["verify"]


def verify(
    spec: Spec,
    overrides: Overrides = None,
    samplers: Annotated[bool, typer.Option(help="Compare the samplers too: longer than all checks.")] = True,
    format: Annotated[Literal["text", "json"], typer.Option("--format", help="For people or for machines.")] = "text",
) -> None:
    """Prove a spec right before training: its own programs on Gaussian data, against closed forms.

    Ends with a table of the samplers: the exact Wasserstein distance of their images at several numbers of evaluations,
    and how many each needs to be as close as Euler–Maruyama at 1000.

    Exits 0 if every check passes, 1 if one fails, and 2 if the spec or its data cannot be used.
    """
    import json

    from gudspec.cli.checked import checked, located
    from gudspec.engine.prepare import open_data
    from gudspec.verify.gaussian import gaussian_data
    from gudspec.verify.main import verify as checks
    from gudspec.verify.table import sampler_table, table

    document = checked(spec, overrides)
    failed = 0
    with located(document):
        data = gaussian_data(open_data(document.experiment))
        found = []
        for check in checks(data):
            failed += not check.passed
            found.append(check.as_dict())
            if format == "text":
                typer.echo(_line(found[-1]))
        rows = list(sampler_table(data)) if samplers else []
    if format == "json":
        typer.echo(json.dumps({"checks": found, "samplers": [row.as_dict() for row in rows]}, indent=2))
    else:
        typer.echo(f"\n{len(found) - failed} of {len(found)} checks passed")
        if rows:
            typer.echo(f"\n{table(rows)}")
    raise typer.Exit(1 if failed else 0)


def _line(check: dict[str, object]) -> str:
    reported = check["tolerance"] is None
    mark = "·" if reported else "✓" if check["passed"] else "✗"
    bounds = "" if reported else f"  expected {check['expected']:.5g} ± {check['tolerance']:.1g}"
    note = f"  ({check['note']})" if check["note"] and (reported or not check["passed"]) else ""
    return f"{mark} {check['name']:<72} {check['measured']:>10.5g}{bounds}{note}"
