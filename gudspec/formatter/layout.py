"""A tree of syntax becomes lines in the canonical order and layout."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gudspec.formatter.syntax import Block, Comment, Entry, Flow, Leaf, Node, Text, Unusual
from gudspec.spec.lookup import fields, models_at
from gudspec.spec.tree import Path

__all__ = ["WIDTH", "lay_out"]

WIDTH = 120
"""A mapping or list in braces or brackets that would be wider takes several lines."""
_STEP = 2
_GAP = "  "
"""What stands between a value and the comment behind it."""


@dataclass(slots=True)
class _Line:
    indent: int
    text: str
    comment: Comment | None = None
    blank: bool = False
    """An empty line stands before it."""


_Lines: TypeAlias = list[_Line]


def lay_out(text: Text) -> str:
    """The document as text.

    Args:
        text: its tree.

    Raises:
        Unusual: it holds something that cannot be laid out anew.
    """
    lines = [*_comments(text.prefix, 0), *([_Line(0, "---")] if text.explicit else []), *_comments(text.header, 0)]
    printer = _Printer(text)
    root = text.root
    if isinstance(root, Block):
        body = printer.block(root, 0, ())
        # Below a header an empty line is kept; at the top there is none.
        first = root.entries[0]
        body[0].blank = bool(lines) and bool(first.blank)
    else:
        body = printer.value(Entry(None, root), "", 0, (), 0)
    lines += body
    lines[0].blank = False
    return "".join(f"{line}\n" for line in _rendered(lines))


def _comments(comments: list[Comment], indent: int) -> Iterator[_Line]:
    return (_Line(indent, comment.text, blank=comment.blank) for comment in comments)


def _rendered(lines: _Lines) -> Iterator[str]:
    columns = _aligned(lines)
    for line, column in zip(lines, columns, strict=True):
        if line.blank:
            yield ""
        text = f"{' ' * line.indent}{line.text}"
        yield f"{text:<{column}}{line.comment.text}" if line.comment else text


def _aligned(lines: _Lines) -> list[int]:
    """The column of the comment behind each line: two spaces further, or where a person has aligned several."""
    columns = [line.indent + len(line.text) + len(_GAP) for line in lines]
    group: list[int] = []

    def align() -> None:
        if len(group) > 1:
            written = lines[group[0]].comment
            assert written is not None
            column = max([written.column, *(columns[index] for index in group)])
            for index in group:
                columns[index] = column
        group.clear()

    for index, line in enumerate(lines):
        if line.blank:
            align()
        if line.comment:
            before = lines[group[-1]].comment if group else None
            if before and before.column != line.comment.column:
                align()
            group.append(index)
    align()
    return columns


class _Printer:
    def __init__(self, text: Text):
        # An alias must stay behind its anchor.
        self._ordered = not text.anchors
        self._kinds: dict[Path, str] = {}
        self._find_kinds(text.root, ())

    def _find_kinds(self, node: Node, path: Path) -> None:
        if isinstance(node, Leaf):
            return
        for index, entry in enumerate(node.entries):
            step = entry.key.value if entry.key else index
            if step == "kind" and isinstance(entry.value, Leaf):
                self._kinds[path] = entry.value.value
            self._find_kinds(entry.value, (*path, step))

    def _order(self, node: Block | Flow, path: Path) -> list[tuple[str | int, Entry]]:
        """Entries with their steps: known keys as the language lists them, then the others as they stand."""
        if not node.mapping:
            return list(enumerate(node.entries))
        steps = [(entry.key.value if entry.key else "", entry) for entry in node.entries]
        models = models_at(path, self._kinds.get, [step for step, _ in steps]) if self._ordered else ()
        if models:
            known = {name: rank for rank, name in enumerate(fields(models[0]))}
            steps.sort(key=lambda step: known.get(step[0], len(known)))
        return list(steps)

    # ── blocks ──────────────────────────────────────────────────────────────────────────────────────

    def block(self, node: Block, indent: int, path: Path) -> _Lines:
        """The entries of a block, one or more lines each, the first without an empty line before it."""
        lines: _Lines = []
        for step, entry in self._order(node, path):
            found = [*_comments(entry.before, indent), *self._entry(entry, node, indent, (*path, step))]
            found[len(entry.before)].blank = entry.blank
            lines += found
        lines[0].blank = False
        return [*lines, *_comments(node.tail, indent)]

    def _entry(self, entry: Entry, node: Block, indent: int, path: Path) -> _Lines:
        value = entry.value
        if entry.key:
            head = _key(entry.key)
            if not isinstance(value, Block):
                return self.value(entry, head, indent, path, node.column)
            inner = self.block(value, indent + _STEP, path)
            return [_Line(indent, f"{head} {value.anchor}".rstrip(" \t"), entry.after), *inner]
        if not isinstance(value, Block):
            return self.value(entry, "-", indent, path, node.column)
        inner = self.block(value, indent + _STEP, path)
        if value.anchor or inner[0].text.startswith("#"):
            return [_Line(indent, f"- {value.anchor}".rstrip(" \t")), *inner]
        inner[0].indent, inner[0].text = indent, f"- {inner[0].text}"
        return inner

    def value(self, entry: Entry, head: str, indent: int, path: Path, column: int) -> _Lines:
        """A scalar, a mapping in braces or a list in brackets behind `head`, whose block stood at `column`."""
        value = entry.value
        if isinstance(value, Flow):
            text = self._flow(value, path)
            # What a comment silences is on its line, and must stay there.
            silenced = entry.after is not None and "gudspec:" in entry.after.text
            if text is not None and (silenced or indent + len(head) + 1 + len(text) <= WIDTH):
                return [_Line(indent, f"{head} {text}".lstrip(" \t"), entry.after)]
            return self._broken(entry, value, head, indent, path)
        assert isinstance(value, Leaf)
        first, *rest = value.text.split("\n")
        if value.block and any(sign in first.partition("#")[0] for sign in "+123456789"):
            raise Unusual
        lines = [_Line(indent, f"{head} {first}".strip(" \t"))]
        # Below the first, the lines of a scalar move with it.
        lines += [
            _Line(max(0, _indent(line) + indent - column) if line.strip(" \t") else 0, line.strip(" \t"))
            for line in rest
        ]
        if entry.after and value.block:
            raise Unusual
        lines[-1].comment = entry.after
        return lines

    # ── braces and brackets ─────────────────────────────────────────────────────────────────────────

    def _flow(self, node: Node, path: Path) -> str | None:
        """The node on one line, or None where it has comments or was meant to take several."""
        if isinstance(node, Block):
            raise Unusual
        if isinstance(node, Leaf):
            return _folded(node)
        if node.open or node.first or node.tail or any(entry.before or entry.after for entry in node.entries):
            return None
        parts = []
        for step, entry in self._order(node, path):
            text = self._flow(entry.value, (*path, step))
            if text is None:
                return None
            parts.append(f"{_key(entry.key)} {text or 'null'}" if entry.key else text)
        return f"{node.anchor} {_enclosed(node, ', '.join(parts))}".lstrip(" \t")

    def _broken(self, entry: Entry, node: Flow, head: str, indent: int, path: Path) -> _Lines:
        """The node on several lines: an entry on each, or as many as fit of a list of scalars."""
        opening, closing = _enclosed(node, " ").split(" ")
        lines = [_Line(indent, f"{head} {node.anchor}".strip(" \t") + f" {opening}", node.first)]
        lines[0].text = lines[0].text.strip(" \t")
        for step, inner in self._order(node, path):
            lines += _comments(inner.before, indent + _STEP)
            found = self.value(inner, _key(inner.key) if inner.key else "", indent + _STEP, (*path, step), 0)
            found[0].blank = inner.blank and len(lines) > 1
            # `key:,` would be a scalar
            nothing = inner.key and isinstance(inner.value, Leaf) and not inner.value.text
            found[-1].text += " null," if nothing else ","
            lines += found
        if len(lines) > 1:
            lines[1].blank = False
        if all(isinstance(inner.value, Leaf) and not inner.key for inner in node.entries):
            lines = [lines[0], *_filled(lines[1:])]
        return [*lines, *_comments(node.tail, indent + _STEP), _Line(indent, closing, entry.after)]


def _filled(lines: _Lines) -> _Lines:
    """Items joined into lines, except across comments and empty lines."""
    filled: _Lines = []
    for line in lines:
        above = filled[-1] if filled else None
        joinable = above and not (above.comment or line.blank or line.text[0] == "#" or above.text[0] == "#")
        if above and joinable and line.indent + len(above.text) + 1 + len(line.text) <= WIDTH:
            above.text += f" {line.text}"
            above.comment = line.comment
        else:
            filled.append(line)
    return filled


def _enclosed(node: Flow, text: str) -> str:
    return f"{{{text}}}" if node.mapping else f"[{text}]"


def _key(key: Leaf) -> str:
    return f"{key.text} :" if key.text.startswith("*") else f"{key.text}:"


def _folded(leaf: Leaf) -> str:
    """A scalar inside of braces on one line: a line break there means a space."""
    lines = leaf.text.split("\n")
    if any(line.endswith("\\") or not line.strip(" \t") for line in lines[:-1]):
        raise Unusual
    return " ".join(line.strip(" \t") for line in lines) if len(lines) > 1 else leaf.text


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
