"""Diagnostics: what is wrong, where exactly, and what was probably meant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, NamedTuple

from gudspec.errors import GudspecError

__all__ = ["Diagnostic", "Mark", "Severity", "Source", "Span", "SpecError", "in_order", "render"]

Severity = Literal["error", "warning"]

SET = "--set"
"""Name of the sources that overrides on the command line come from."""
_LONGEST = 600
"""Messages of more characters are cut in the middle."""
_WIDEST = 160
"""Longer source lines are shown through a window around the caret."""


class Mark(NamedTuple):
    """A place in a text; lines and columns (in characters) count from 1."""

    line: int
    column: int


START = Mark(1, 1)
"""Where a problem of a whole file is shown."""


@lru_cache(maxsize=16)
def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.splitlines())


@dataclass(frozen=True, slots=True)
class Source:
    """A text with the name under which diagnostics show it: a file as the user wrote it, or `--set`."""

    name: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The text of a line, empty beyond the end."""
        lines = _lines(self.text)
        return lines[number - 1] if 1 <= number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source from `start` up to, but without, `end`."""

    source: Source
    start: Mark = START
    end: Mark = START

    @property
    def file(self) -> str:
        """Name of the source."""
        return self.source.name

    def __str__(self) -> str:
        """The clickable form `file:line:column`."""
        return f"{self.file}:{self.start.line}:{self.start.column}"


def _printable(text: str) -> str:
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 4 :]}"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem of a spec."""

    code: str
    """Stable code: GUD0xx text, GUD1xx structure, GUD2xx design, GUD3xx cost, GUD4xx surroundings."""
    message: str
    """One sentence: what is wrong, and why it matters where that is not plain."""
    span: Span
    """Where it is."""
    severity: Severity = "error"
    """An `error` keeps the spec from running; a `warning` does not."""
    suggestion: str | None = None
    """What was probably meant: a replacement for the text of `span`."""
    notes: tuple[str, ...] = ()
    """Further lines that help: known keys, related places."""
    certain: bool = False
    """The suggestion is right without a doubt, so that a tool may apply it; an empty one deletes the text of `span`."""

    def __post_init__(self) -> None:
        # Messages quote the spec, whose strings may hold what must not reach a terminal, and any amount of it.
        object.__setattr__(self, "message", _printable(self.message))
        object.__setattr__(self, "notes", tuple(map(_printable, self.notes)))

    def __str__(self) -> str:
        r"""The diagnostic as a compiler would print it.

        Example:
            >>> source = Source("my.yaml", "train:\n  stepps: 3\n")
            >>> span = Span(source, Mark(2, 3), Mark(2, 9))
            >>> print(Diagnostic("GUD104", "unknown key `stepps` in train", span, suggestion="steps"))
            my.yaml:2:3: error GUD104: unknown key `stepps` in train
                2 |   stepps: 3
                  |   ^^^^^^ did you mean `steps`?
        """
        return "\n".join(
            [f"{self.span}: {self.severity} {self.code}: {self.message}", *self._snippet(), *self._notes()]
        )

    def _snippet(self) -> list[str]:
        start, end = self.span.start, self.span.end
        line = self.span.source.line(start.line)
        if not line.strip():
            return [f"      = did you mean `{self.suggestion}`?"] if self.suggestion else []
        first = start.column - 1
        last = end.column - 1 if end.line == start.line else len(line.rstrip())
        if len(line) > _WIDEST:
            cut = max(0, first - _WIDEST // 4)
            line, first, last = line[cut : cut + _WIDEST], first - cut, min(last - cut, _WIDEST)
        shown = "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
        # Tabs are kept in front of the caret, so that it stands right however wide the terminal makes them.
        indent = "".join(c if c == "\t" else " " for c in shown[:first].ljust(first))
        carets = "^" * max(last - first, 1)
        meant = f" did you mean `{self.suggestion}`?" if self.suggestion else ""
        return [f"{start.line:>5} | {shown}", f"      | {indent}{carets}{meant}"]

    def _notes(self) -> list[str]:
        return [f"      = {note}" for note in self.notes]


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as text, separated by empty lines."""
    return "\n\n".join(map(str, diagnostics))


def in_order(source: Source, diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Each diagnostic once, by position.

    Args:
        source: the spec; its own problems come first, then those of what it extends, and those of `--set` last.
        diagnostics: in any order.
    """

    def rank(found: Diagnostic) -> tuple[bool, bool, str, Mark, str]:
        span = found.span
        return span.file == SET, span.source is not source, span.file, span.start, found.code

    return sorted(dict.fromkeys(diagnostics), key=rank)


class SpecError(GudspecError):
    """A spec that cannot be used. Its text is the rendered diagnostics.

    Attributes:
        diagnostics: every problem that was found, at least one.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        super().__init__(tuple(diagnostics))
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)

    def __str__(self) -> str:
        return render(self.diagnostics)
