"""From a file, or a text, to an `Experiment`."""

import os
from collections.abc import Iterable
from collections.abc import Mapping as Environment
from dataclasses import dataclass

from gudspec.spec.compose import compose, read_source
from gudspec.spec.diagnostics import Diagnostic, Source, SpecError, in_order
from gudspec.spec.models import Experiment
from gudspec.spec.tree import Mapping
from gudspec.spec.validate import validate

__all__ = ["Document", "load", "loads", "read", "reads"]


@dataclass(frozen=True, slots=True)
class Document:
    """A spec with everything that is known about its text."""

    experiment: Experiment
    """What it says."""
    tree: Mapping
    """Where it says so."""
    source: Source
    """The text of the file itself."""
    overrides: tuple[str, ...] = ()
    """What `--set` changed."""


def load(path: str | os.PathLike[str], overrides: Iterable[str] = ()) -> Experiment:
    """Read a spec.

    Args:
        path: the YAML file.
        overrides: `path.to.key=value` each, stronger than the file.

    Returns:
        The validated, immutable experiment.

    Raises:
        SpecError: the spec cannot be used; it carries every problem that was found.
    """
    return read(path, overrides).experiment


def loads(text: str, overrides: Iterable[str] = (), *, name: str = "<text>") -> Experiment:
    """Read a spec from a string.

    Args:
        text: YAML.
        overrides: `path.to.key=value` each.
        name: how diagnostics name the text; `extends` is relative to it.

    Raises:
        SpecError: the spec cannot be used.
    """
    return reads(text, overrides, name=name).experiment


def read(
    path: str | os.PathLike[str], overrides: Iterable[str] = (), *, environment: Environment[str, str] | None = None
) -> Document:
    """Like `load`, with the tree that knows the origin of every value.

    Args:
        path: the YAML file.
        overrides: `path.to.key=value` each.
        environment: what `${VAR}` looks up; None takes the process' own.

    Raises:
        SpecError: the spec cannot be used.
    """
    source, unreadable = read_source(os.fspath(path))
    if unreadable:
        raise SpecError([unreadable])
    return _document(source, tuple(overrides), environment)


def reads(
    text: str,
    overrides: Iterable[str] = (),
    *,
    name: str = "<text>",
    environment: Environment[str, str] | None = None,
) -> Document:
    """Like `loads`, with the tree that knows the origin of every value.

    Raises:
        SpecError: the spec cannot be used.
    """
    return _document(Source(name, text), tuple(overrides), environment)


def _document(source: Source, overrides: tuple[str, ...], environment: Environment[str, str] | None) -> Document:
    problems: list[Diagnostic] = []
    tree = compose(source, overrides, os.environ if environment is None else environment, problems)
    experiment = validate(tree, problems) if tree else None
    if problems or tree is None or experiment is None:
        raise SpecError(in_order(source, problems))
    return Document(experiment, tree, source, overrides)
