"""The tree of a spec: YAML values that remember where they were written."""

from dataclasses import dataclass
from typing import TypeAlias

from gudspec.spec.diagnostics import SET, Span
from gudspec.spec.scalars import scalar

__all__ = [
    "Broken",
    "Entry",
    "Mapping",
    "Node",
    "Path",
    "Scalar",
    "Sequence",
    "brief",
    "describe",
    "find",
    "origin",
    "place",
    "plain",
]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indices from the root of a spec to one of its values."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A leaf."""

    value: bool | int | float | str | None
    span: Span
    variables: tuple[str, ...] = ()
    """Environment variables that were substituted into it."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Node", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a mapping, with its value."""

    key: Span
    value: "Node"


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; its keys are strings and keep the order in which they were written."""

    entries: dict[str, Entry]
    span: Span

    def get(self, key: str) -> "Node | None":
        """The value at `key`, if it is there."""
        entry = self.entries.get(key)
        return entry.value if entry else None


@dataclass(frozen=True, slots=True)
class Broken:
    """A value that has been reported already: whatever follows from it must not be reported again."""

    span: Span


Node: TypeAlias = Scalar | Sequence | Mapping | Broken


def plain(node: Node) -> object:
    """The value as Python data; lists become tuples, as the frozen models want them."""
    match node:
        case Scalar(value):
            return value
        case Sequence(items):
            return tuple(map(plain, items))
        case Mapping(entries):
            return {key: plain(entry.value) for key, entry in entries.items()}
    return node


def find(root: Node, path: Path) -> Node | None:
    """The value at `path`, or None where the spec does not write it."""
    node: Node | None = root
    for key in path:
        if isinstance(node, Mapping) and isinstance(key, str):
            node = node.get(key)
        elif isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
            node = node.items[key]
        else:
            return None
    return node


def place(root: Node, path: Path, *, key: bool = False) -> Span:
    """Where a diagnostic about `path` puts its caret.

    That is the value if it stands on the line of its key, and the key otherwise, so that a block of many lines
    is not underlined. What the spec does not write is looked for at the nearest parent that it does.

    Args:
        root: the tree.
        path: keys and indices from the root.
        key: point at the key, not at the value.
    """
    if not path:
        first = next(iter(root.entries.values()), None) if isinstance(root, Mapping) else None
        return first.key if first else root.span
    parent, last = find(root, path[:-1]), path[-1]
    if isinstance(parent, Mapping) and isinstance(last, str) and last in parent.entries:
        entry = parent.entries[last]
        start, end = entry.value.span.start, entry.value.span.end
        return entry.key if key or start == end or start.line != entry.key.start.line else entry.value.span
    if isinstance(parent, Sequence) and isinstance(last, int) and last < len(parent.items):
        item = parent.items[last]
        return (
            place(item, ()) if isinstance(item, Mapping) and item.span.start.line != item.span.end.line else item.span
        )
    return place(root, path[:-1], key=True)


def describe(node: Node | None) -> str:
    """A value in YAML's words, for messages: `the string 'abc'`, `a list`."""
    match node:
        case Scalar(bool()):
            return f"the boolean {brief(node)}"
        case Scalar(int()):
            return f"the integer {brief(node)}"
        case Scalar(float()):
            return f"the number {brief(node)}"
        case Scalar(str() as text):
            return f"the string {_short(repr(text))}"
    return brief(node)


def brief(node: Node | None) -> str:
    """A value as it is written, for messages that are not about its type."""
    match node:
        case Scalar(bool() | int() | float() as value):
            return _short(scalar(value))
        case Scalar(str() as value):
            return f"`{_short(value)}`"
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
    return "null"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:40]}…{text[-10:]}"


def origin(root: Node, path: Path) -> str:
    """Where the value at `path` comes from: `file:line:column`, `--set`, an environment variable, or `default`."""
    node = find(root, path)
    if node is None:
        return "default"
    written = SET if node.span.file == SET else str(node.span)
    if isinstance(node, Scalar) and node.variables:
        return f"environment {', '.join(node.variables)} in {written}"
    return written
