"""From a file, or a text, to an `Experiment`."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Environment
from dataclasses import dataclass

from gudspec.spec.compose import compose, read_source
from gudspec.spec.diagnostics import Diagnostic, Source, Span, SpecError, in_order
from gudspec.spec.models import Experiment
from gudspec.spec.sweep import located, runs
from gudspec.spec.tree import Mapping, place
from gudspec.spec.validate import validate

__all__ = ["Document", "load", "loads", "read", "reads"]

_CHECKED = 64
"""How many runs of a sweep are read along with the spec; `gudspec sweep` reads them all."""


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
    path: str | os.PathLike[str],
    overrides: Iterable[str] = (),
    *,
    environment: Environment[str, str] | None = None,
    base: Source | None = None,
) -> Document:
    """Like `load`, with the tree that knows the origin of every value.

    Args:
        path: the YAML file.
        overrides: `path.to.key=value` each.
        environment: what `${VAR}` looks up; None takes the process' own.
        base: a text that the file builds on without saying so.

    Raises:
        SpecError: the spec cannot be used.
    """
    source, unreadable = read_source(os.fspath(path))
    if unreadable:
        raise SpecError([unreadable])
    return _document(source, tuple(overrides), environment, base)


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


def _document(
    source: Source,
    overrides: tuple[str, ...],
    environment: Environment[str, str] | None,
    base: Source | None = None,
) -> Document:
    problems: list[Diagnostic] = []
    values = os.environ if environment is None else environment
    tree = compose(source, overrides, values, problems, base)
    experiment = validate(tree, problems) if tree else None
    if experiment and tree:
        problems.extend(_of_sweep(source, overrides, values, experiment, tree))
    if problems or tree is None or experiment is None:
        raise SpecError(in_order(source, problems))
    return Document(experiment, tree, source, overrides)


def _of_sweep(
    source: Source,
    overrides: tuple[str, ...],
    environment: Environment[str, str],
    experiment: Experiment,
    tree: Mapping,
) -> Iterator[Diagnostic]:
    """What is wrong with the runs of a sweep, each problem once; of a large sweep, with the first runs."""
    found: dict[tuple[str, Span], Diagnostic] = {}
    several = runs(experiment)
    names = Counter(run.name for run in several)
    if several and (twice := names.most_common(1)[0])[1] > 1:
        first, second, *_ = (run for run in several if run.name == twice[0])
        message = f"{twice[1]} runs of the sweep are named `{twice[0]}`: results would overwrite each other"
        where = next((b for a, b in zip(first.places, second.places, strict=True) if a != b), second.places[-1])
        yield Diagnostic("GUD127", message, place(tree, where))
        return
    for run in several[:_CHECKED]:
        problems: list[Diagnostic] = []
        if composed := compose(source, (*overrides, *run.overrides), environment, problems):
            validate(composed, problems)
        for one in problems:
            at = located(one, run, tree)
            found.setdefault((at.code, at.span), at)
    yield from found.values()
