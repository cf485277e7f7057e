"""Specs as trees that can be torn apart: leaves are raw text, keys may come twice, and whatever results is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import TypeAlias

from gudspec.spec import tree as marked
from gudspec.spec.diagnostics import Source
from gudspec.spec.scalars import scalar
from gudspec.spec.text import parse
from gudspec.spec.tree import Path

__all__ = ["Items", "Leaf", "Node", "Pair", "Pairs", "Spot", "kind_at", "leaf", "read", "spots", "write"]


@dataclass
class Leaf:
    """Text that stands where a value is expected."""

    text: str
    before: str = ""
    """An anchor or a tag."""


@dataclass
class Pair:
    """A key, as it is written, and its value."""

    key: str
    value: Node


@dataclass
class Pairs:
    """A mapping."""

    pairs: list[Pair] = field(default_factory=list)
    before: str = ""


@dataclass
class Items:
    """A list."""

    items: list[Node] = field(default_factory=list)
    before: str = ""


Node: TypeAlias = Leaf | Pairs | Items


@dataclass
class Spot:
    """A place in a tree, from which the value can be taken and to which another can be put."""

    parent: Pairs | Items
    index: int
    path: Path

    @property
    def node(self) -> Node:
        return self.parent.pairs[self.index].value if isinstance(self.parent, Pairs) else self.parent.items[self.index]

    def put(self, node: Node) -> None:
        if isinstance(self.parent, Pairs):
            self.parent.pairs[self.index].value = node
        else:
            self.parent.items[self.index] = node

    def drop(self) -> None:
        del (self.parent.pairs if isinstance(self.parent, Pairs) else self.parent.items)[self.index]


def leaf(value: bool | int | float | str | None) -> Leaf:
    return Leaf(scalar(value))


def read(text: str) -> Pairs:
    """A well-formed spec."""
    problems: list[object] = []
    root = parse(Source("base.yaml", text), problems)  # type: ignore[arg-type]
    assert not problems, problems
    found = _editable(root)
    assert isinstance(found, Pairs)
    return found


def _editable(node: marked.Node | None) -> Node:
    match node:
        case marked.Scalar(value):
            return leaf(value)
        case marked.Sequence(items):
            return Items([_editable(item) for item in items])
        case marked.Mapping(entries):
            return Pairs([Pair(scalar(key), _editable(entry.value)) for key, entry in entries.items()])
    raise AssertionError(node)


def spots(node: Node, path: Path = ()) -> Iterator[Spot]:
    """All places below a node."""
    if isinstance(node, Pairs):
        for index, pair in enumerate(node.pairs):
            yield Spot(node, index, (*path, pair.key))
            yield from spots(pair.value, (*path, pair.key))
    elif isinstance(node, Items):
        for index, item in enumerate(node.items):
            yield Spot(node, index, (*path, index))
            yield from spots(item, (*path, index))


def kind_at(root: Node, path: Path) -> str | None:
    """The `kind` that the mapping at `path` gives."""
    node: Node = root
    for step in path:
        if isinstance(node, Pairs) and any(pair.key == step for pair in node.pairs):
            node = next(pair.value for pair in node.pairs if pair.key == step)
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    kinds = [pair.value for pair in node.pairs if pair.key == "kind"] if isinstance(node, Pairs) else []
    return kinds[0].text if kinds and isinstance(kinds[0], Leaf) else None


def write(root: Node, rng: Random) -> str:
    """As YAML; some parts in block style and some in flow style, as it comes."""
    return f"{_block(root, '', rng)}\n" if isinstance(root, Pairs) and root.pairs else f"{_flow(root)}\n"


def _block(node: Node, indent: str, rng: Random) -> str:
    lines = []
    if isinstance(node, Pairs):
        lines = [_entry(f"{indent}{pair.key}:", pair.value, f"{indent}  ", rng) for pair in node.pairs]
    elif isinstance(node, Items):
        lines = [f"{indent}- {_flow(item)}" for item in node.items]
    return "\n".join(lines)


def _entry(head: str, node: Node, indent: str, rng: Random) -> str:
    inner = node.pairs if isinstance(node, Pairs) else node.items if isinstance(node, Items) else []
    if inner and len(indent) < 40 and rng.random() < 0.6:
        return f"{head} {node.before}".rstrip() + f"\n{_block(node, indent, rng)}"
    return f"{head} {_flow(node)}"


def _flow(node: Node) -> str:
    if isinstance(node, Pairs):
        return f"{node.before}{{{', '.join(f'{pair.key}: {_flow(pair.value)}' for pair in node.pairs)}}}"
    if isinstance(node, Items):
        return f"{node.before}[{', '.join(map(_flow, node.items))}]"
    return f"{node.before}{node.text}"
