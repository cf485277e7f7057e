"""The resolved spec: every value, defaults included, in a YAML that alone reproduces the run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import BaseModel

from gudspec.spec.models import Experiment
from gudspec.spec.scalars import scalar
from gudspec.spec.tree import Path, origin

if TYPE_CHECKING:
    from gudspec.spec.load import Document

__all__ = ["dump", "flow", "show"]

_Line = tuple[str, Path | None]
"""A line of YAML and, where it holds a value, the path of that value."""


def dump(experiment: Experiment) -> str:
    """The experiment as YAML that `loads` reads back as an equal experiment.

    Args:
        experiment: the spec.
    """
    return "".join(f"{text}\n" for text, _ in _mapping(experiment, (), ""))


def show(document: "Document") -> str:
    r"""The resolved spec with the origin of every value as a comment.

    Args:
        document: a spec as `read` returns it.

    Example:
        >>> from gudspec.spec.load import reads
        >>> text = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}"
        >>> print(show(reads(text, ["seed=7"], name="example.yaml")))  # doctest: +ELLIPSIS
        gudspec: 1                # example.yaml:1:10
        name: example             # example.yaml:2:7
        seed: 7                   # --set
        data:
          source:
            kind: digits          # example.yaml:3:23
          dequantize: uniform     # default
        ...
    """
    lines = list(_mapping(document.experiment, (), ""))
    width = max(len(text) for text, path in lines if path is not None)
    shown = (f"{text:<{width}} # {origin(document.tree, path)}" if path is not None else text for text, path in lines)
    return "".join(f"{text}\n" for text in shown)


def _entries(value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, BaseModel):
        names = type(value).model_fields
        yield from ((name, getattr(value, name)) for name in sorted(names, key="kind".__ne__))
    elif isinstance(value, dict):
        yield from value.items()


def _mapping(value: object, path: Path, indent: str) -> Iterator[_Line]:
    for key, inner in _entries(value):
        yield from _value(f"{indent}{scalar(key)}:", inner, (*path, key), f"{indent}  ")


def _value(head: str, value: object, path: Path, indent: str) -> Iterator[_Line]:
    """The value at `path`, after `head` if it fits into the line and in lines below otherwise."""
    if isinstance(value, BaseModel | dict) and any(_entries(value)):
        yield head, None
        yield from _mapping(value, path, indent)
    elif isinstance(value, tuple) and any(isinstance(item, BaseModel | dict | tuple) for item in value):
        yield head, None
        for index, item in enumerate(value):
            yield from _item(item, (*path, index), indent)
    else:
        yield f"{head} {flow(value)}", path


def _item(item: object, path: Path, indent: str) -> Iterator[_Line]:
    lines = list(_mapping(item, path, f"{indent}  "))
    if not lines:
        yield f"{indent}- {flow(item)}", path
    for number, (text, where) in enumerate(lines):
        yield (f"{indent}- {text.lstrip()}" if number == 0 else text), where


def flow(value: object) -> str:
    """A value on one line."""
    if isinstance(value, BaseModel | dict):
        return f"{{{', '.join(f'{scalar(key)}: {flow(inner)}' for key, inner in _entries(value))}}}"
    if isinstance(value, tuple):
        return f"[{', '.join(map(flow, value))}]"
    # `${` in a resolved spec is meant as it stands: the environment has been asked already.
    return scalar(value.replace("${", "$${") if isinstance(value, str) else value)  # type: ignore[arg-type]
