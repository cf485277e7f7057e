"""The tree becomes an `Experiment`, and every complaint of Pydantic a diagnostic with a caret."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from gudspec.spec.diagnostics import Diagnostic
from gudspec.spec.models import Experiment
from gudspec.spec.scalars import core
from gudspec.spec.schema import Type, choices, kind_of, type_of
from gudspec.spec.tree import Broken, Mapping, Node, Path, Scalar, Sequence, brief, describe, place, plain

__all__ = ["closest", "validate"]

_CODES = {
    "missing": "GUD101",
    "union_tag_not_found": "GUD101",
    "union_tag_invalid": "GUD103",
    "literal_error": "GUD103",
    "extra_forbidden": "GUD104",
    "greater_than": "GUD105",
    "greater_than_equal": "GUD105",
    "less_than": "GUD105",
    "less_than_equal": "GUD105",
    "multiple_of": "GUD105",
    "finite_number": "GUD105",
    "string_pattern_mismatch": "GUD106",
    "string_too_short": "GUD106",
    "string_too_long": "GUD106",
    "too_short": "GUD107",
    "too_long": "GUD107",
}
"""Codes of Pydantic's error types; every other one says that the type is wrong."""
_WRONG_TYPE = "GUD102"
_SWITCHES = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.1 took for booleans."""


_STAND_INS = {"gudspec": 1, "name": "stand-in", "data": {"source": {"kind": "digits"}}}
"""For what every spec has to give, where it is left aside."""


def validate(
    tree: Mapping, problems: list[Diagnostic], without: Collection[str] = ()
) -> tuple[Experiment | None, frozenset[str]]:
    """Build the experiment that a tree describes.

    Args:
        tree: a composed spec.
        problems: what is wrong with it is appended here, each problem once, in no particular order.
        without: sections that are left aside; the experiment says nothing about them.

    Returns:
        The experiment, or None if anything is wrong; and the keys at the top of the spec below which something is.
    """
    given = {key: plain(entry.value) for key, entry in tree.entries.items() if key not in without}
    given |= {key: value for key, value in _STAND_INS.items() if key in without}
    try:
        return Experiment.model_validate(given), frozenset()
    except ValidationError as error:
        places = [_Place.of(tree, details) for details in error.errors(include_url=False, include_input=False)]
    # A misspelt key leaves its field missing: that is one problem, not two.
    unknown = [at for at in places if at.error == "extra_forbidden"]
    misspelt = {(*at.path[:-1], meant) for at in unknown if (meant := at.meant)}
    reported = (at for at in places if not at.broken and not (at.error == "missing" and at.path in misspelt))
    problems.extend(at.diagnostic(tree) for at in reported)
    return None, frozenset(str(at.path[0]) for at in places if at.path)


def closest(word: object, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be.

    Example:
        >>> [closest(word, ("learning_rate", "steps", "validation")) for word in ("stepps", "lr", "val", "x")]
        ['steps', 'learning_rate', 'validation', None]
    """
    known, written = list(known), str(word)
    if found := difflib.get_close_matches(written, known, n=1, cutoff=0.6):
        return found[0]
    short = [one for one in known if written in _abbreviations(one)]
    return short[0] if len(short) == 1 else None


def _abbreviations(word: str) -> Iterator[str]:
    """`lr` and `l_r` and whatever `learning_rate` begins with, from two letters on."""
    letters = [part[:1] for part in word.split("_")]
    if len(letters) > 1:
        yield from ("".join(letters), "_".join(letters))
    yield from (word[:length] for length in range(2, len(word)))


def _dotted(path: Path) -> str:
    return ".".join(map(str, path)) or "the spec"


@dataclass(frozen=True)
class _Place:
    """An error of Pydantic, found again in the tree and in the models."""

    error: str
    message: str
    path: Path
    """Keys and indices, without the tags that unions put into Pydantic's locations."""
    node: Node | None
    """What the spec says there."""
    type: Type | None
    """What the models want there."""
    parent: Type
    """The type that holds it."""
    holder: Node | None
    """The mapping or list that holds it."""
    broken: bool
    """Whether it has been reported already."""

    @staticmethod
    def of(tree: Node, details: Any) -> "_Place":
        path: list[str | int] = []
        node: Node | None = tree
        holder: Node | None = None
        kind: Type | None = Type(Experiment)
        parent = Type(Experiment)
        union: Type | None = None
        broken = isinstance(tree, Broken)
        for step in details["loc"]:
            if kind and len(kind.members) > 1:
                # An optional type has one member beside null, which Pydantic does not mention in locations.
                inner = [member for member in kind.members if member.annotation is not type(None)]
                tagged = kind.tagged(step) if isinstance(step, str) else None
                if len(inner) > 1 and tagged:
                    kind, union = tagged, kind
                    continue
                kind = inner[0] if len(inner) == 1 else None
            path.append(step)
            parent, holder, union = kind or parent, node, None
            if isinstance(step, str):
                kind = (kind.field(step) or kind.value()) if kind else None
                node = node.get(step) if isinstance(node, Mapping) else None
            else:
                kind = kind.item(step) if kind else None
                node = node.items[step] if isinstance(node, Sequence) and step < len(node.items) else None
            broken = broken or isinstance(node, Broken)
        if details["type"].startswith("union_tag") and isinstance(node, Mapping):
            broken = broken or isinstance(node.get("kind"), Broken)
        return _Place(details["type"], details["msg"], tuple(path), node, union or kind, parent, holder, broken)

    def diagnostic(self, tree: Node) -> Diagnostic:
        """The diagnostic, with the caret under what has to change."""
        code = _CODES.get(self.error, _WRONG_TYPE)
        if self.error.startswith("GUD"):
            return Diagnostic(self.error, self.message, place(tree, self.path))
        if self.error == "extra_forbidden":
            return self._unknown_key(tree)
        if self.error == "missing" and isinstance(self.path[-1], str):
            message = f"`{self.path[-1]}` is missing{self._inside()}: it must be {self.type}"
            return Diagnostic(code, message, place(tree, self.path[:-1], key=True))
        if isinstance(self.holder, Sequence) and self.error == "missing":
            message = f"`{_dotted(self.path[:-1])}` must be {self.parent}, not of {len(self.holder.items)}"
            return Diagnostic("GUD107", message, place(tree, self.path[:-1]))
        if self.error.startswith("union_tag") and isinstance(self.node, Mapping):
            return self._kind(tree, self.node)
        found = describe(self.node)
        if isinstance(self.node, Sequence) and code == "GUD107":
            found = f"of {len(self.node.items)}"
        elif code in ("GUD103", "GUD105"):
            found = brief(self.node)
        message = f"`{_dotted(self.path)}` must be {self.type or 'something else'}, not {found}"
        return Diagnostic(code, message, place(tree, self.path), suggestion=self._value())

    def _value(self) -> str | None:
        """The value that was probably meant, where the written one has an evident reading."""
        if not (isinstance(self.node, Scalar) and self.type):
            return None
        value, wanted = self.node.value, {member.annotation for member in self.type.members}
        if isinstance(value, float):
            # larger integers are floating-point numbers themselves
            return f"{value:.0f}" if int in wanted and value.is_integer() and abs(value) < 2**63 else None
        if not isinstance(value, str):
            return None
        if bool in wanted and value.lower() in _SWITCHES:
            return _SWITCHES[value.lower()]
        number = core(value) if len(value) < 20 else value
        if (int in wanted and type(number) is int) or (float in wanted and type(number) in (int, float)):
            return value
        if meant := closest(value, map(str, self.type.allowed)):
            return f"{{kind: {meant}}}" if self.type.models else meant
        return None

    def _inside(self) -> str:
        """` in design.schedule (soft_linear)`, or nothing at the top of the spec."""
        if len(self.path) < 2:
            return ""
        kind = kind_of(self.parent.model) if self.parent.model and "kind" in self.parent.model.model_fields else ""
        return f" in {_dotted(self.path[:-1])}{f' ({kind})' if kind else ''}"

    @cached_property
    def meant(self) -> str | None:
        """The field that an unknown key was probably meant to be: one that its own source does not give already.

        An override may well mean a key that the file gives.
        """
        given = self.holder.entries if isinstance(self.holder, Mapping) else {}
        own = given[str(self.path[-1])].key.file if str(self.path[-1]) in given else None
        fields = self.parent.model.model_fields if self.parent.model else {}
        return closest(self.path[-1], (name for name in fields if name not in given or given[name].key.file != own))

    def _unknown_key(self, tree: Node) -> Diagnostic:
        key = str(self.path[-1])
        message = f"unknown key `{key}`{self._inside() or ' at the top of the spec'}"
        suggestion = self.meant
        notes: Iterator[str] = iter(())
        if not suggestion and self.parent.model:
            notes = self._elsewhere(key)
        return Diagnostic(
            "GUD104", message, place(tree, self.path, key=True), suggestion=suggestion, notes=tuple(notes)
        )

    def _elsewhere(self, key: str) -> Iterator[str]:
        model = self.parent.model
        assert model is not None
        owners = [name for name, info in Experiment.model_fields.items() if type_of(info).field(key)]
        if len(self.path) == 1 and owners:
            yield f"`{key}` belongs into {choices(tuple(owners))}"
        yield f"known keys: {', '.join(model.model_fields)}"

    def _kind(self, tree: Node, node: Mapping) -> Diagnostic:
        allowed = self.type.allowed if self.type else ()
        name = _dotted(self.path)
        written = node.get("kind")
        if written is not None:
            word = written.value if isinstance(written, Scalar) else None
            message = f"`{name}.kind` must be {choices(allowed)}, not {brief(written)}"
            return Diagnostic("GUD103", message, place(tree, (*self.path, "kind")), suggestion=closest(word, allowed))
        for key in node.entries:
            if closest(key, ("kind",)):
                message = f"unknown key `{key}` in {name}"
                return Diagnostic("GUD104", message, place(tree, (*self.path, key), key=True), suggestion="kind")
        message = f"`kind` is missing in {name}: it must be {choices(allowed)}"
        return Diagnostic("GUD101", message, place(tree, self.path, key=True))
