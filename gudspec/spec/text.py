"""YAML text becomes a tree with marks.

Only libyaml's event stream is used: composing nodes ourselves gives exact spans, keeps duplicate keys visible, and
bounds nesting and alias expansion before they cost anything.
"""

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from gudspec.spec.diagnostics import START, Diagnostic, Mark, Source, Span
from gudspec.spec.scalars import core
from gudspec.spec.tree import Broken, Entry, Mapping, Node, Scalar, Sequence

__all__ = ["MAX_BYTES", "decode", "mark_at", "parse"]

MAX_BYTES = 250_000
"""Largest file; a spec has a few thousand bytes."""
_MAX_DEPTH = 64
_MAX_NODES = 10_000
"""Largest spec, aliases expanded; a thousand characters of a value count like one more."""
_Event: TypeAlias = Any
"""An event of libyaml; the stubs do not know the attributes of each kind."""
_ENCODINGS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
_UNPRINTABLE = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
"""What YAML does not allow. To compile its complement, what YAML allows, would take ten times as long."""


def decode(name: str, data: bytes) -> tuple[Source, Diagnostic | None]:
    """The bytes of a file as text.

    Args:
        name: how diagnostics name the file.
        data: its content.

    Returns:
        The source, and what is wrong with its encoding, if anything is.
    """
    if len(data) > MAX_BYTES:
        empty = Source(name, "")
        message = f"the file is larger than {MAX_BYTES // 1000} kB: is it a spec?"
        return empty, Diagnostic("GUD003", message, Span(empty))
    if encoding := _other_encoding(data):
        empty = Source(name, "")
        return empty, Diagnostic("GUD002", f"the file is {encoding}: save it as UTF-8", Span(empty))
    try:
        return Source(name, data.decode("utf-8-sig")), None
    except UnicodeDecodeError as error:
        source = Source(name, data.decode("utf-8-sig", errors="replace"))
        mark = mark_at(data[: error.start].decode("utf-8-sig", errors="replace"))
        message = f"byte 0x{data[error.start]:02x} is not UTF-8: is this a text file?"
        return source, Diagnostic("GUD002", message, Span(source, mark, mark))


def _other_encoding(data: bytes) -> str | None:
    for start, encoding in _ENCODINGS.items():
        if data.startswith(start):
            return encoding
    # Without a mark, the zeros between the first two letters tell.
    return {2: "UTF-16", 3: "UTF-32"}.get(data[:4].count(0)) if any(data[:4]) else None


def mark_at(before: str) -> Mark:
    """The place after some text, at which the rest of it begins."""
    lines = f"{before}.".splitlines()
    return Mark(len(lines), len(lines[-1]))


def parse(source: Source, problems: list[Diagnostic], *, fragment: bool = False) -> Node | None:
    """Read one YAML document.

    Args:
        source: the text.
        problems: what is wrong with it is appended here.
        fragment: an empty document is null instead of a problem, as in `--set a=`.

    Returns:
        The tree, in which what was reported is `Broken`; None if there is no tree.
    """
    if bad := _UNPRINTABLE.search(source.text):
        mark = mark_at(source.text[: bad.start()])
        message = f"character U+{ord(bad[0]):04X} is not allowed in YAML: is this a text file?"
        problems.append(Diagnostic("GUD002", message, Span(source, mark, mark)))
        return None
    try:
        return _Builder(source, problems).document(fragment)
    except _Stop as stop:
        problems.append(stop.diagnostic)
    except yaml.YAMLError as error:
        problems.append(_syntax(source, error))
    return None


class _Stop(Exception):
    def __init__(self, code: str, message: str, span: Span):
        self.diagnostic = Diagnostic(code, message, span)


def _syntax(source: Source, error: yaml.YAMLError) -> Diagnostic:
    found = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    mark = Mark(found.line + 1, found.column + 1) if found else START
    lines = source.text.splitlines() or [""]
    if mark.line > len(lines):  # libyaml sees the end of the text on a line of its own
        mark = Mark(len(lines), len(lines[-1]) + 1)
    problem = getattr(error, "problem", None) or "it cannot be parsed"
    context = getattr(error, "context", None)
    message = f"not YAML: {f'{context}, ' if context else ''}{problem}"
    if source.line(mark.line)[mark.column - 1 : mark.column] == "\t":
        message = "not YAML: a tab cannot indent; use spaces"
    return Diagnostic("GUD004", message, Span(source, mark, mark))


def _height(node: Node) -> int:
    if isinstance(node, Mapping):
        return 1 + max((_height(entry.value) for entry in node.entries.values()), default=0)
    return 1 + max(map(_height, node.items), default=0) if isinstance(node, Sequence) else 0


class _Builder:
    """Builds the tree of one document from libyaml's events."""

    def __init__(self, source: Source, problems: list[Diagnostic]):
        self._source = source
        self._problems = problems
        self._events: Iterator[_Event] = yaml.parse(source.text, Loader=yaml.CSafeLoader)
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._nodes = 0

    def document(self, fragment: bool) -> Node | None:
        next(self._events)  # the start of the stream
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            if fragment:
                end = mark_at(self._source.text)  # where libyaml sees it a line later
                return Scalar(None, Span(self._source, end, end))
            self._report("GUD005", "the file holds no spec", Span(self._source))
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the end of the document
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._report("GUD005", "a file holds one spec: a second YAML document starts here", self._span(event))
        return root

    def _node(self, event: _Event, depth: int) -> Node:
        before = self._nodes
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _Stop("GUD003", f"more than {_MAX_NODES:,} values: is it a spec?", self._span(event))
        if depth > _MAX_DEPTH:
            raise self._too_deep(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(event, depth)
        else:
            node = self._mapping(event, depth)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"tag `{tag}`: a spec has plain values only, tags are refused"
            start = self._span(event).start
            # libyaml marks a collection's tag alone, and a scalar together with its tag.
            end = node.span.end if node.span.end.line == start.line else start
            node = self._broken("GUD009", message, Span(self._source, start, end))
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before, _height(node))
        return node

    def _alias(self, event: _Event, depth: int) -> Node:
        if event.anchor not in self._anchors:
            return self._broken("GUD010", f"alias `*{event.anchor}` has no anchor before it", self._span(event))
        node, size, height = self._anchors[event.anchor]
        if depth + height > _MAX_DEPTH:
            raise self._too_deep(event)
        self._nodes += size
        return node

    def _scalar(self, event: _Event) -> Node:
        span = self._span(event)
        self._nodes += len(event.value) // 1000
        if event.style:  # quoted and block scalars are strings
            if "\0" in event.value:  # "\0" is the only way to write it
                return self._broken("GUD002", "a string with the null character: neither files nor names have it", span)
            return Scalar(event.value, span)
        try:
            return Scalar(core(event.value), span)
        except ValueError as error:
            return self._broken("GUD015", f"{error} fits no number", span)

    def _sequence(self, event: _Event, depth: int) -> Node:
        items = []
        while not isinstance(child := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(child, depth + 1))
        end = self._end(event, child, items[-1] if items else None)
        return Sequence(tuple(items), Span(self._source, self._span(event).start, end))

    def _mapping(self, event: _Event, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        merged = False
        value: Node | None = None
        while not isinstance(child := next(self._events), yaml.MappingEndEvent):
            key = self._node(child, depth + 1)
            span = self._span(child) if isinstance(child, yaml.AliasEvent) else key.span
            value = self._node(next(self._events), depth + 1)
            if not isinstance(key, Scalar):
                if not isinstance(key, Broken):
                    self._report("GUD007", "a key must be a string, not a list or a mapping", span)
            elif key.value == "<<" and isinstance(child, yaml.ScalarEvent) and not child.style:
                self._report(
                    "GUD008", "merge keys are not part of YAML 1.2: use `extends: FILE` for a common base", span
                )
                merged = True
            elif not isinstance(key.value, str):
                written = getattr(child, "value", "")
                message = f"key `{written}` is not a string: quote it if it is meant as one"
                self._report("GUD007", message, span)
            elif key.value in entries:
                first = entries[key.value].key.start
                self._report("GUD006", f"key `{key.value}` is given twice, first on line {first.line}", span)
            else:
                entries[key.value] = Entry(span, value)
        end = self._end(event, child, value)
        whole = Span(self._source, self._span(event).start, end)
        # What a merge key brings in is unknown, so nothing about this mapping can be judged.
        return Broken(whole) if merged else Mapping(entries, whole)

    def _end(self, start: _Event, end: _Event, last: Node | None) -> Mark:
        """End of a collection: libyaml ends block collections at the next token, lines later."""
        if start.flow_style or last is None or last.span.source is not self._source:
            return self._span(end).end
        return last.span.end

    def _span(self, event: _Event) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self._source, Mark(start.line + 1, start.column + 1), Mark(end.line + 1, end.column + 1))

    def _too_deep(self, event: _Event) -> _Stop:
        return _Stop("GUD003", f"nested more than {_MAX_DEPTH} deep: is it a spec?", self._span(event))

    def _report(self, code: str, message: str, span: Span) -> None:
        self._problems.append(Diagnostic(code, message, span))

    def _broken(self, code: str, message: str, span: Span) -> Broken:
        self._report(code, message, span)
        return Broken(span)
