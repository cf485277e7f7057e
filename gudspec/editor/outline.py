"""Where the keys and values of a text are, also while it is being typed and cannot be parsed.

One scanner serves every request. It goes line by line, takes indentation and brackets at their word, and never fails:
what it does not understand has no place in the outline. Offsets count characters.
"""

import re
from dataclasses import dataclass, field
from functools import cached_property

from gudspec.spec.tree import Path

__all__ = ["Cursor", "Outline", "Slot", "cursor", "outline"]

_QUOTES = r""""(?:[^"\\\n]|\\.)*"|'(?:[^'\n]|'')*'"""
_QUOTED = re.compile(_QUOTES)
# Possessive quantifiers (`*+`) never go back: a line of a million spaces takes no longer than any other.
_KEY = re.compile(
    rf"""({_QUOTES}|(?:[^\s#\[\]{{}},"'&*!|>%@`:-]|[-:](?=\S))(?:[^\n#:]|:(?=\S))*+)[ \t]*+:(?=[ \t\r]|$)"""
)
_FLOW_KEY = re.compile(
    rf"""({_QUOTES}|[^\s,:\[\]{{}}"'#](?:[^\n,:\[\]{{}}]|:(?=[^\s,\[\]{{}}]))*+)[ \t]*+:(?=[ \t\r,}}\]]|$)"""
)
_COMMENT = re.compile(r"[ \t]#")
_FLOW_END = re.compile(r"[ \t]#|[,\[\]{}]")
_DEEPEST = 100
"""What is nested deeper has no place in the outline: no spec is."""
_PROPERTIES = re.compile(r"(?:[&!]\S*[ \t]+)*")


@dataclass(slots=True)
class Slot:
    """A key, or an item of a list, with where its value is."""

    path: Path
    key: tuple[int, int]
    """Start and end of the key; of an item, of its value or dash."""
    value: tuple[int, int]
    """Start and end of a scalar; an empty stretch where there is none."""
    text: str | None = None
    """The scalar, without quotes; None where the value is empty or not a scalar."""
    end: int = 0
    """End of the last key or scalar that belongs to it."""


@dataclass(frozen=True)
class Outline:
    """All keys of a text, in order."""

    slots: tuple[Slot, ...]

    def at(self, offset: int) -> tuple[Slot, bool] | None:
        """The slot whose key or scalar is at `offset`, and whether it is the key."""
        for slot in self.slots:
            for here, is_key in ((slot.key, True), (slot.value, False)):
                if here[0] <= offset <= here[1] and here[0] < here[1] and (slot.text is not None or is_key):
                    return slot, is_key and slot.key != slot.value
        return None

    def find(self, path: Path) -> Slot | None:
        """The slot of a path."""
        return self._by_path.get(path)

    @cached_property
    def _by_path(self) -> dict[Path, Slot]:
        return {slot.path: slot for slot in reversed(self.slots)}

    def keys(self, path: Path) -> tuple[str, ...]:
        """The keys of the mapping at a path."""
        found = (slot.path[-1] for slot in self.slots if len(slot.path) == len(path) + 1 and slot.path[:-1] == path)
        return tuple(key for key in found if isinstance(key, str))

    def kind(self, path: Path) -> str | None:
        """The `kind` that the mapping at a path gives."""
        slot = self.find((*path, "kind"))
        return slot.text if slot else None


@dataclass(frozen=True, slots=True)
class Cursor:
    """What may be typed at a place."""

    key: bool
    """A key may stand here; otherwise a value."""
    path: Path
    """Of the mapping that the key would be in, or of the value."""
    start: int
    """Where the word begins that is being typed."""
    flow: bool
    """Inside of braces or brackets."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is open."""

    path: Path
    indent: int
    bracket: str = ""
    """`{`, `[`, or nothing for a block."""
    listed: bool = False
    """A block list."""
    index: int = -1
    pending: Slot | None = None
    """The last slot, while it has no value."""
    last: Slot | None = None


@dataclass(slots=True)
class _Scanner:
    text: str
    frames: list[_Frame] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    literal: int | None = None
    """Indentation of the key whose block scalar is being read."""
    base: int = 0
    """Indentation of the line on which the outermost bracket was opened."""
    word: tuple[int, bool, Path] | None = None
    """Start of the word at the very end of the text, whether it may be a key, and its path as in `Cursor`."""
    comment: bool = False
    """The text ends inside of a comment."""

    def run(self) -> None:
        """Read the whole text."""
        start = 0
        for line in self.text.split("\n"):
            self.word, self.comment = None, False
            self._line(start, start + len(line.removesuffix("\r")))
            start += len(line) + 1
        holders = {slot.path: slot for slot in reversed(self.slots)}
        for slot in reversed(self.slots):
            slot.end = max(slot.end, slot.value[1], slot.key[1])
            if holder := holders.get(slot.path[:-1]):
                holder.end = max(holder.end, slot.end)

    @property
    def flow(self) -> bool:
        """Inside of braces or brackets."""
        return bool(self.frames) and self.frames[-1].bracket != ""

    def _skip(self, start: int, end: int) -> int:
        while start < end and self.text[start] in " \t":
            start += 1
        return start

    def _line(self, start: int, end: int) -> None:
        first = self._skip(start, end)
        column = first - start
        if first == end:
            return
        if self.literal is not None:
            if column > self.literal:
                return
            self.literal = None
        if self.flow and column <= self.base and _KEY.match(self.text, first, end):
            while self.flow:  # the bracket was never closed: it is being typed
                self.frames.pop()
        if self.text[first] == "#":
            self.comment = True
        elif self.flow:
            self._flow(first, end)
        elif not self.text.startswith(("---", "...", "%"), first) or column:
            self._block(first, end, column)

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────────

    def container(self, column: int, *, dash: bool = False) -> Path:
        """The path of the block whose entries start at `column`, after closing those further right."""
        while self.frames and (
            self.frames[-1].indent > column
            or (self.frames[-1].indent == column and self.frames[-1].listed and not dash)
        ):
            self.frames.pop()
        if not self.frames:
            return ()
        top = self.frames[-1]
        if top.indent == column and not (dash and not top.listed and top.pending):
            return top.path
        slot = top.pending or top.last
        return slot.path if slot else top.path

    def _block(self, start: int, end: int, column: int) -> None:
        if len(self.frames) > _DEEPEST:
            return
        if self.text[start] == "-" and (start + 1 == end or self.text[start + 1] in " \t"):
            path = self.container(column, dash=True)
            if not (self.frames and self.frames[-1].listed and self.frames[-1].indent == column):
                self.frames.append(_Frame(path, column, listed=True))
            frame = self.frames[-1]
            frame.index += 1
            slot = self._slot((*path, frame.index), (start, start + 1))
            frame.pending = frame.last = slot
            inner = self._skip(start + 1, end)
            if inner == end or self.text[inner] == "#":
                self.comment = inner < end
                if inner == end > start + 1:
                    self.word = (inner, True, slot.path)
                return
            if self.text[inner] == "-" or _KEY.match(self.text, inner, end):
                self._block(inner, end, column + inner - start)
                return
            self._value(inner, end, slot, frame, may_be_key=True)
            return
        key = _KEY.match(self.text, start, end)
        path = self.container(column)
        if not key:
            self.comment = _COMMENT.search(self.text, start, end) is not None
            self.word = None if self.comment or self.text[end - 1] in " \t" else (start, True, path)
            return
        if not (self.frames and self.frames[-1].indent == column):
            self.frames.append(_Frame(path, column))
        self._key(key, end, path)

    def _key(self, key: re.Match[str], end: int, path: Path) -> None:
        frame = self.frames[-1]
        slot = self._slot_of(key, path)
        frame.pending = frame.last = slot
        start = self._skip(key.end(), end)
        slot.value = (start, start)
        if start > key.end() or start < end:
            self._value(start, end, slot, frame)

    def _value(self, start: int, end: int, slot: Slot, frame: _Frame, may_be_key: bool = False) -> None:
        properties = _PROPERTIES.match(self.text, start, end)
        start = properties.end() if properties else start
        if start == end:
            self.word = (start, False, slot.path)
            return
        character = self.text[start]
        if character == "#":
            self.comment = True
            return
        if character in "|>":
            self.literal = frame.indent
            frame.pending = None
        elif character in "{[":
            self.base = len(self._indentation(start))
            frame.pending = None
            self._open(start, slot.path)
            self._flow(start + 1, end)
        else:
            self._scalar(start, end, slot, may_be_key=may_be_key)
            frame.pending = None

    def _indentation(self, start: int) -> str:
        line = self.text[self.text.rfind("\n", 0, start) + 1 : start]
        return line[: len(line) - len(line.lstrip())]

    def _word_end(self, start: int, end: int, flow: bool) -> int:
        """The end of the scalar at `start`."""
        if quoted := _QUOTED.match(self.text, start, end):
            return quoted.end()
        if found := (_FLOW_END if flow else _COMMENT).search(self.text, start, end):
            end = found.start()
        return start + len(self.text[start:end].rstrip(" \t\r"))

    def _scalar(self, start: int, end: int, slot: Slot, *, flow: bool = False, may_be_key: bool = False) -> int:
        stop = self._word_end(start, end, flow)
        slot.value, slot.text = (start, stop), _unquoted(self.text[start:stop])
        if slot.key[0] == slot.key[1] or self.text[slot.key[0] : slot.key[1]] == "-":
            slot.key = slot.value
        after = self._skip(stop, end)
        if after < end and self.text[after] == "#":
            self.comment = True
        if stop == end == len(self.text):
            self.word = (start, may_be_key, slot.path)
        return after

    def _slot_of(self, key: re.Match[str], path: Path) -> Slot:
        name = key[1].rstrip()
        return self._slot((*path, _unquoted(name)), (key.start(1), key.start(1) + len(name)))

    def _slot(self, path: Path, key: tuple[int, int]) -> Slot:
        slot = Slot(path, key, (key[1], key[1]))
        self.slots.append(slot)
        return slot

    # ── braces and brackets ─────────────────────────────────────────────────────────────────────────

    def _open(self, start: int, path: Path) -> None:
        self.frames.append(_Frame(path, -1, bracket=self.text[start], index=0))

    def _flow(self, start: int, end: int) -> None:
        while (start := self._skip(start, end)) < end:
            self.word = None
            if not self.flow:
                self.comment = self.text[start] == "#"
                return
            frame, character = self.frames[-1], self.text[start]
            if character == "#" and self.text[start - 1] in " \t\n":
                self.comment = True
                return
            if character in "}]":
                self.frames.pop()
                start += 1
            elif character == ",":
                frame.pending, frame.index = None, frame.index + 1
                start += 1
            elif character in "{[" and len(self.frames) > _DEEPEST:
                return
            elif character in "{[":
                slot = frame.pending or (None if frame.bracket == "{" else self._item(frame, start))
                frame.pending = None
                self._open(start, slot.path if slot else frame.path)
                start += 1
            else:
                start = max(self._token(frame, start, end), start + 1)
        if self.flow and self.word is None and end == len(self.text):
            self.at_end(end)

    def at_end(self, end: int) -> None:
        """The text ends between the words inside of brackets."""
        frame = self.frames[-1]
        before = self.text[:end].rstrip(" \t")
        if frame.pending:
            self.word = (end, False, frame.pending.path) if before != self.text[:end] else None
        elif before.endswith(("{", "[", ",", "\n")):
            path = frame.path if frame.bracket == "{" else (*frame.path, frame.index)
            self.word = (end, frame.bracket == "{", path)

    def _item(self, frame: _Frame, start: int) -> Slot:
        return self._slot((*frame.path, frame.index), (start, start))

    def _token(self, frame: _Frame, start: int, end: int) -> int:
        if frame.pending:
            slot, frame.pending = frame.pending, None
            return self._scalar(start, end, slot, flow=True)
        if frame.bracket == "[":
            return self._scalar(start, end, self._item(frame, start), flow=True)
        key = _FLOW_KEY.match(self.text, start, end)
        if key:
            frame.pending = frame.last = self._slot_of(key, frame.path)
            inner = self._skip(key.end(), end)
            frame.pending.value = (inner, inner)
            return inner
        stop = max(self._word_end(start, end, True), start + 1)
        if stop >= end == len(self.text):
            self.word = (start, True, frame.path)
        return stop


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def outline(text: str) -> Outline:
    r"""The keys of a text.

    Example:
        >>> [slot.path for slot in outline("train: {steps: 3, ema:\nsample:\n- name: a").slots]
        [('train',), ('train', 'steps'), ('train', 'ema'), ('sample',), ('sample', 0), ('sample', 0, 'name')]
    """
    scanner = _Scanner(text)
    scanner.run()
    return Outline(tuple(scanner.slots))


def cursor(text: str, offset: int) -> Cursor | None:
    r"""What may be typed at `offset`; None inside of comments and block scalars, and behind a value.

    Example:
        >>> text = "train:\n  st\nmesh: {data: 1, fs"
        >>> cursor(text, 11)
        Cursor(key=True, path=('train',), start=9, flow=False)
        >>> cursor(text, len(text))
        Cursor(key=True, path=('mesh',), start=28, flow=True)
        >>> cursor(text, 25)
        Cursor(key=False, path=('mesh', 'data'), start=25, flow=True)
    """
    scanner = _Scanner(text[:offset])
    scanner.run()
    line = scanner.text[scanner.text.rfind("\n") + 1 :]
    if scanner.comment:
        return None
    if not line.strip(" "):
        if scanner.flow:
            scanner.at_end(len(scanner.text))
        elif scanner.literal is not None and len(line) > scanner.literal:
            return None
        else:
            return Cursor(True, scanner.container(len(line)), len(scanner.text), False)
    if scanner.word is None:
        return None
    start, key, path = scanner.word
    return Cursor(key, path, start, scanner.flow)
