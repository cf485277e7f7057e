"""What a rule is: a question about a spec, and everything a person needs to understand the answer."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from gudspec.spec.diagnostics import Diagnostic, Severity
from gudspec.spec.intact import NotIntact
from gudspec.spec.load import Document
from gudspec.spec.tree import Path, place

__all__ = ["Description", "Finding", "PathRule", "Rule", "StatisticsRule"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule has found, before it has a place in the text."""

    message: str
    """One sentence: what is wrong and why it matters."""
    path: Path
    """Where, from the root of the spec; if the spec does not write it, the nearest parent is marked."""
    key: bool = False
    """Mark the key instead of the value."""
    suggestion: str | None = None
    """A replacement of what is marked."""
    notes: tuple[str, ...] = ()
    """What would help."""
    certain: bool = False
    """The suggestion is right without a doubt, so that `gudspec lint --fix` may apply it."""


class Description:
    """What a person needs to understand a code. The docstring of a subclass is its explanation to the user."""

    code: ClassVar[str]
    """Stable code: GUD0xx text, GUD1xx structure, GUD2xx design, GUD3xx cost, GUD4xx surroundings; never reused."""
    severity: ClassVar[Severity] = "error"
    """An `error` keeps the spec from running."""
    summary: ClassVar[str]
    """The rule in a few words."""
    bad: ClassVar[str]
    """Part of a spec in which the rule finds something; the tests hold it to that."""
    good: ClassVar[str]
    """The same, put right."""
    source: ClassVar[str] = ""
    """Paper and equation, or the document, that the rule follows from; empty where the explanation says it all."""

    @classmethod
    def explanation(cls) -> str:
        """Why the rule exists and what to do about its findings."""
        return inspect.cleandoc(cls.__doc__ or "")


class Rule(Description, ABC):
    """One way in which a well-formed spec is wrong."""

    @abstractmethod
    def check(self, document: Document) -> Iterator[Finding]:
        """Yield what is wrong with a spec."""

    def diagnostics(self, document: Document) -> Iterator[Diagnostic]:
        """The findings at their places in the text; none that depend on a section in which something else is wrong."""
        try:
            for found in self.check(document):
                span = place(document.tree, found.path, key=found.key)
                suggestion, notes, certain = found.suggestion, found.notes, found.certain
                yield Diagnostic(self.code, found.message, span, self.severity, suggestion, notes, certain)
        except NotIntact:
            return


class PathRule(Rule, ABC):
    """A rule that evaluates the path γ(t), which some designs have only once the data's variances are known."""

    evaluates: ClassVar[Literal["path", "sketch", "design", "process"]] = "path"
    """What it takes of the `Look` at a spec: without it, the rule goes unchecked."""

    def applies(self, document: Document) -> bool:
        """Whether the rule has a question about this spec at all; if so, and without a path, it goes unchecked."""
        return True


class StatisticsRule(PathRule, ABC):
    """A rule that needs the data's variances for every design."""

    evaluates = "process"
