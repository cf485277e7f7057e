"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["Overrides", "Spec"]

Spec: TypeAlias = Annotated[Path, typer.Argument(metavar="SPEC", help="The YAML file.")]
Overrides: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Override a value, e.g. train.steps=100; repeatable."),
]
