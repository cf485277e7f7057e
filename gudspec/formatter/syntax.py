"""A text becomes a tree that keeps what a value does not: comments, empty lines, quotes, and how it was laid out.

Only libyaml's events are used, as by the reader of specs, and everything between their spans is white space,
punctuation and comments. A round-trip library was weighed: it attaches a comment to the key before it, so that comments
would stay behind when the key that they are about moves.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

__all__ = ["Block", "Comment", "Entry", "Flow", "Leaf", "Node", "Text", "Unusual", "read"]

_Event: TypeAlias = Any
"""An event of libyaml; the stubs do not know the attributes of each kind."""
_ODD_BREAKS = re.compile("[\x85\u2028\u2029]")


class Unusual(Exception):
    """A construct that the formatter leaves alone, such as a directive or a comment inside of a key."""


@dataclass(slots=True)
class Comment:
    """From `#` to the end of the line."""

    text: str
    start: int
    column: int
    own: bool
    """Nothing but white space stands before it."""
    blank: bool
    """An empty line stands before its line."""


@dataclass(slots=True)
class Leaf:
    """A scalar or an alias, with its anchor, as it is written."""

    text: str
    start: int
    end: int
    value: str
    """What a scalar says; of an alias its name."""
    block: bool
    """It is a block scalar (`|`, `>`)."""


@dataclass(slots=True)
class Entry:
    """A key with its value, or an item of a list."""

    key: Leaf | None
    value: "Node"
    before: list[Comment] = field(default_factory=list)
    """Comments on lines of their own above it."""
    blank: bool = False
    """An empty line stands before it, or between it and those comments."""
    after: Comment | None = None
    """The comment behind it: behind the key where the value is a block."""

    @property
    def start(self) -> int:
        """Where the first character is."""
        return self.key.start if self.key else self.value.start


@dataclass(slots=True)
class Flow:
    """`{…}` or `[…]`."""

    entries: list[Entry]
    start: int
    end: int
    mapping: bool
    anchor: str
    open: bool
    """The first entry stands on a line below the bracket: it was meant to take several lines."""
    first: Comment | None = None
    """The comment behind the opening bracket."""
    tail: list[Comment] = field(default_factory=list)
    """Comments behind the last entry."""


@dataclass(slots=True)
class Block:
    """A mapping or a list of several lines."""

    entries: list[Entry]
    start: int
    end: int
    mapping: bool
    anchor: str
    column: int
    """Where its entries start."""
    tail: list[Comment] = field(default_factory=list)
    """Comments behind the last entry."""


Node: TypeAlias = Leaf | Flow | Block


@dataclass(slots=True)
class Text:
    """A whole document."""

    root: Node
    prefix: list[Comment]
    """Comments above `---`."""
    explicit: bool
    """`---` is written."""
    header: list[Comment]
    """Comments above everything."""
    anchors: bool
    """There are anchors, whose place matters."""
    comments: tuple[Comment, ...]
    """All comments, in order."""


def read(text: str) -> Text:
    """The tree of a text whose lines end in line feeds.

    Args:
        text: YAML.

    Raises:
        Unusual: it holds something that cannot be laid out anew, or is no YAML after all.
    """
    if _ODD_BREAKS.search(text):
        raise Unusual
    try:
        return _Reader(text).document()
    except yaml.YAMLError:
        raise Unusual from None


class _Reader:
    def __init__(self, text: str):
        self._text = text
        self._events: Iterator[_Event] = yaml.parse(text, Loader=yaml.CSafeLoader)
        self._leaves: list[Leaf] = []
        self._anchors = False
        self._comments: list[Comment] = []
        self._next = 0

    def document(self) -> Text:
        next(self._events)
        start: _Event = next(self._events)
        if not hasattr(start, "explicit") or start.version or start.tags:  # an empty text, or directives
            raise Unusual
        root = self._node(next(self._events))
        self._comments = list(self._find_comments())
        prefix = self._take(start.end_mark.index) if start.explicit else []
        # A comment above the first key is about the file.
        first = root.entries[0].start if isinstance(root, Block) else root.start
        header = self._take(first)
        if not all(comment.own for comment in header) or (not isinstance(root, Leaf) and root.anchor):
            raise Unusual
        self._attach(root)
        rest = self._comments[self._next :]
        if isinstance(root, Block):
            root.tail += self._give(root, rest, -1)
        elif rest:
            raise Unusual
        return Text(root, prefix, start.explicit, header, self._anchors, tuple(self._comments))

    # ── nodes ───────────────────────────────────────────────────────────────────────────────────────

    def _node(self, event: _Event) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        self._anchors = self._anchors or bool(getattr(event, "anchor", None))
        name = type(event).__name__
        if name == "AliasEvent":
            return self._leaf(start, end, event.anchor, False)
        if name == "ScalarEvent":
            return self._leaf(start, end, event.value, event.style in ("|", ">"))
        mapping = name == "MappingStartEvent"
        anchor = f"&{event.anchor}" if event.anchor else ""
        entries: list[Entry] = []
        while not _is_end(child := next(self._events)):
            key = self._node(child) if mapping else None
            if not (key is None or (isinstance(key, Leaf) and "\n" not in key.text)):
                raise Unusual
            entries.append(Entry(key, self._node(next(self._events) if mapping else child)))
        if event.flow_style:
            first = entries[0].start if entries else start
            opened = "\n" in self._text[start:first]
            return Flow(entries, start, child.end_mark.index, mapping, anchor, opened)
        if not mapping and self._text[start] != "-":
            raise Unusual
        column = self._column(entries[0].start if mapping else start)
        return Block(entries, start, entries[-1].value.end, mapping, anchor, column)

    def _leaf(self, start: int, end: int, value: str, block: bool) -> Leaf:
        leaf = Leaf(self._text[start:end].rstrip("\n "), start, end, value, block)
        leaf.end = start + len(leaf.text)
        self._leaves.append(leaf)
        return leaf

    def _column(self, index: int) -> int:
        return index - self._text.rfind("\n", 0, index) - 1

    def _blank(self, index: int) -> bool:
        """Whether the line above that of `index` is empty."""
        start = index - self._column(index)
        return start > 0 and not self._text[self._text.rfind("\n", 0, start - 1) + 1 : start].strip()

    # ── comments ────────────────────────────────────────────────────────────────────────────────────

    def _find_comments(self) -> Iterator[Comment]:
        position = 0
        for start, end in [(leaf.start, leaf.end) for leaf in self._leaves] + [(len(self._text), 0)]:
            while (found := self._text.find("#", position, start)) >= 0:
                position = self._text.find("\n", found)
                position = len(self._text) if position < 0 else position
                column = self._column(found)
                own = not self._text[found - column : found].strip()
                yield Comment(self._text[found:position].rstrip(), found, column, own, own and self._blank(found))
            position = max(position, end)

    def _take(self, end: int) -> list[Comment]:
        """The comments up to `end` that nobody has taken."""
        start = self._next
        while self._next < len(self._comments) and self._comments[self._next].start < end:
            self._next += 1
        return self._comments[start : self._next]

    def _behind(self, end: int, between: str = "") -> Comment | None:
        """The comment behind `end`, if there is one on its line and no more than punctuation before it."""
        if self._next < len(self._comments):
            comment = self._comments[self._next]
            gap = self._text[end : max(comment.start, end)]
            if comment.start >= end and not comment.own and not gap.strip(" \t" + between):
                self._next += 1
                return comment
        return None

    def _attach(self, node: Node) -> None:
        """Give every comment inside of a node to the entry that it is about."""
        if isinstance(node, Leaf):
            return
        if isinstance(node, Flow):
            node.first = self._behind(node.start + len(node.anchor), "{[")
        for index, entry in enumerate(node.entries):
            entry.before = self._take(entry.start)
            above = node.entries[index - 1].value if index else None
            if isinstance(node, Block) and isinstance(above, Block):
                entry.before = self._give(above, entry.before, node.column)
            if not all(comment.own or self._after_dash(comment) for comment in entry.before):
                raise Unusual
            line = self._text[entry.start - self._column(entry.start) : entry.start]
            entry.blank = not line.strip(" " if entry.key else " -") and self._blank(entry.start)
            self._value(entry)
        if isinstance(node, Flow):
            node.tail = self._take(node.end)
            if not all(comment.own for comment in node.tail):
                raise Unusual

    def _value(self, entry: Entry) -> None:
        value = entry.value
        if isinstance(value, Block):
            if entry.key:
                entry.after = self._behind(entry.key.end, f":{value.anchor}")
            self._attach(value)
            return
        if entry.key and self._next < len(self._comments) and self._comments[self._next].start < value.start:
            raise Unusual  # a comment between a key and its value
        self._attach(value)
        entry.after = self._behind(value.end, ",")

    def _after_dash(self, comment: Comment) -> bool:
        return not self._text[comment.start - comment.column : comment.start].strip(" -")

    @staticmethod
    def _give(block: Block, comments: list[Comment], outer: int) -> list[Comment]:
        """Comments below a block that are indented like its entries are its own; the others are returned."""
        count = 0
        least = max(block.column, outer + 1)
        while count < len(comments) and comments[count].own and comments[count].column >= least:
            count += 1
        own = comments[:count]
        if block.entries and isinstance(block.entries[-1].value, Block):
            own = _Reader._give(block.entries[-1].value, own, block.column)
        block.tail += own
        return comments[count:]


def _is_end(event: _Event) -> bool:
    return isinstance(event, yaml.CollectionEndEvent)
