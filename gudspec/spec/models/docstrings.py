"""Descriptions of fields, from the docstrings below them.

Pydantic can read them when a class is made (`use_attribute_docstrings`), but that costs every command, a cold lint most
of all, a sixth of its time. Only documentation and editors want them, so these ask.
"""

import ast
import inspect
import sys
from collections.abc import Iterator

from pydantic import BaseModel

from gudspec.spec.models.base import Model

__all__ = ["describe_fields"]


def describe_fields() -> None:
    """Gives every field of every model its docstring as `description`."""
    models = list(_below(Model))
    found: dict[tuple[str, str], dict[str, str]] = {}
    for module in {model.__module__ for model in models}:
        for node in ast.parse(inspect.getsource(sys.modules[module])).body:
            if isinstance(node, ast.ClassDef):
                found[module, node.name] = dict(_docstrings(node))
    for model in models:
        for name, info in model.model_fields.items():
            owners = (found.get((owner.__module__, owner.__name__), {}) for owner in model.__mro__)
            info.description = next((texts[name] for texts in owners if name in texts), info.description)


def _below(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for inner in model.__subclasses__():
        yield inner
        yield from _below(inner)


def _docstrings(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(ast.Constant(str() as text)):
                    yield field.target.id, inspect.cleandoc(text)
