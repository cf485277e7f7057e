"""From a file, or a text, to an `Experiment`."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Environment
from dataclasses import dataclass
from typing import cast

from gudspec.spec.compose import compose, read_source
from gudspec.spec.diagnostics import Diagnostic, Source, Span, SpecError, in_order
from gudspec.spec.intact import Intact
from gudspec.spec.models import Experiment
from gudspec.spec.sweep import located, runs
from gudspec.spec.tree import Mapping, place
from gudspec.spec.validate import validate

__all__ = ["Document", "attempt", "load", "loads", "read", "reads"]

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
    broken: frozenset[str] = frozenset()
    """Sections in which something is wrong, so that asking the experiment for them raises `NotIntact`."""


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
    return _whole(*_document(source, tuple(overrides), environment, base))


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
    return _whole(*_document(Source(name, text), tuple(overrides), environment))


def attempt(source: Source, overrides: Iterable[str] = ()) -> tuple[Document | None, list[Diagnostic]]:
    """Like `reads`, with what is left of a spec that cannot be used: its other sections may be judged all the same.

    Returns:
        The spec without its broken sections, or None where too much is wrong; and every problem that was found.
    """
    return _document(source, tuple(overrides), None)


def _whole(document: Document | None, problems: list[Diagnostic]) -> Document:
    if problems or document is None:
        raise SpecError(problems)
    return document


def _document(
    source: Source,
    overrides: tuple[str, ...],
    environment: Environment[str, str] | None,
    base: Source | None = None,
) -> tuple[Document | None, list[Diagnostic]]:
    problems: list[Diagnostic] = []
    values = os.environ if environment is None else environment
    tree = compose(source, overrides, values, problems, base)
    if tree is None:
        return None, in_order(source, problems)
    sections = [_section(tree, one) for one in problems]
    experiment, wrong = validate(tree, problems)
    if experiment and not sections and (of_sweep := list(_of_sweep(source, overrides, values, experiment, tree))):
        problems, wrong = of_sweep, frozenset({"sweep"})
    broken = wrong.union(one or "" for one in sections)
    # A key that is no section may have been meant for any of them.
    while experiment is None and wrong and broken <= set(Experiment.model_fields):
        experiment, wrong = validate(tree, problems, broken)
        broken |= wrong
    if experiment is None or not broken <= set(Experiment.model_fields):
        return None, in_order(source, problems)
    left = cast(Experiment, Intact(experiment, broken)) if broken else experiment
    return Document(left, tree, source, overrides, broken), in_order(source, problems)


def _section(tree: Mapping, problem: Diagnostic) -> str | None:
    """The section whose text has a problem, if it is that of one."""
    span = problem.span
    for key, entry in tree.entries.items():
        if entry.key.source is span.source and entry.key.start <= span.start and span.end <= entry.value.span.end:
            return key
    return None


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
    for name, count in Counter(run.name for run in several).items():
        if count > 1:
            first, second, *_ = (run for run in several if run.name == name)
            message = f"{count} runs of the sweep are named `{name}`: results would overwrite each other"
            where = next((b for a, b in zip(first.places, second.places, strict=True) if a != b), second.places[-1])
            twice = Diagnostic("GUD127", message, place(tree, where))
            found.setdefault((twice.code, twice.span), twice)
    if found:
        yield from found.values()
        return
    for run in several[:_CHECKED]:
        problems: list[Diagnostic] = []
        if composed := compose(source, (*overrides, *run.overrides), environment, problems):
            validate(composed, problems)
        for one in problems:
            at = located(one, run, tree)
            found.setdefault((at.code, at.span), at)
    yield from found.values()
