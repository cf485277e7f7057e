"""`gudspec schema`."""

import typer

__all__ = ["schema"]


def schema() -> None:
    """Print the JSON Schema of specs, for editors and other tools that know YAML but not gudspec."""
    from gudspec.spec.json_schema import text

    typer.echo(text(), nl=False)
