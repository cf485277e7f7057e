"""Completion: the keys that a mapping may still have, required ones first, and the values that a key may have."""

import os
from collections.abc import Iterator
from typing import Literal, get_args, get_origin

from lsprotocol.types import (
    CompletionItem,
    CompletionItemKind,
    InsertTextFormat,
    InsertTextMode,
    MarkupContent,
    MarkupKind,
    Position,
    TextEdit,
)
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gudspec.editor.analysis import Analysis
from gudspec.editor.markdown import about_field, about_model
from gudspec.editor.outline import Cursor, cursor
from gudspec.spec.lookup import EXTENDS, fields, held, models_at, type_at
from gudspec.spec.resolved import flow
from gudspec.spec.scalars import scalar
from gudspec.spec.schema import Type, type_of
from gudspec.spec.tree import Path

__all__ = ["complete"]


def complete(analysis: Analysis, position: Position, *, snippets: bool) -> list[CompletionItem]:
    """What may be typed at a position.

    Args:
        analysis: the text.
        position: where the cursor is.
        snippets: the editor knows snippets, texts with places to fill in.
    """
    offset = analysis.positions.offset(position)
    place = cursor(analysis.text, offset)
    if place is None:
        return []
    return list(_Completer(analysis, place, offset, snippets).items())


class _Completer:
    def __init__(self, analysis: Analysis, place: Cursor, offset: int, snippets: bool):
        self._analysis = analysis
        self._place = place
        self._range = analysis.positions.range(place.start, offset)
        self._snippets = snippets
        line = analysis.text.rfind("\n", 0, place.start) + 1
        self._column = place.start - line
        rest = analysis.text[offset:].split("\n", 1)[0]
        word = rest[: len(rest) - len(rest.lstrip(_WORD))]
        self._is_key = rest[len(word) :].lstrip().startswith(":")

    def items(self) -> Iterator[CompletionItem]:
        """All items, the likeliest first."""
        path = self._place.path
        wanted = type_at(path, self._analysis.kinds)
        if not self._place.key:
            yield from self._values(path, wanted)
        elif wanted is None:
            return
        elif wanted.value():
            for dotted in self._parameters(("design", "schedule")):
                yield self._item(dotted, f"{dotted}: ", "A parameter of the schedule.", CompletionItemKind.Property)
        elif wanted.item(0) and not self._place.flow:
            if self._snippets:
                text = f"- {self._example(wanted.item(0) or wanted)}"
                yield self._item("- ", text, "Another item.", CompletionItemKind.Snippet, snippet=True)
        elif models := models_at(path, self._analysis.kinds, self._present()):
            yield from self._keys(path, models)
        else:
            yield from self._values(path, wanted)

    # ── keys ────────────────────────────────────────────────────────────────────────────────────────

    def _present(self) -> tuple[str, ...]:
        """Keys that the mapping has, without the one that is being typed."""
        path, start = self._place.path, self._place.start
        slots = self._analysis.outline.slots
        here = {slot.path for slot in slots if slot.key[0] == start and slot.path[:-1] == path}
        return tuple(key for key in self._analysis.outline.keys(path) if (*path, key) not in here)

    def _keys(self, path: Path, models: tuple[type[BaseModel], ...]) -> Iterator[CompletionItem]:
        present = self._present()
        model = models[0]
        known = len(models) == 1
        for rank, name in enumerate(fields(model) if known else ("kind",)):
            if name in present:
                continue
            if name not in model.model_fields:
                yield self._item(name, f"{name}: ", EXTENDS, CompletionItemKind.Reference, sort=f"1{rank:03}")
                continue
            info = model.model_fields[name]
            needed = info.is_required() and not self._analysis.inherited((*path, name))
            kinds = (
                tuple(kind for each in models for kind in type_of(each.model_fields["kind"]).allowed)
                if name == "kind"
                else ()
            )
            yield self._item(
                name,
                f"{name}: " if not self._snippets else self._pair(name, info, kinds),
                about_field(name, info, model) if known else f"One of {', '.join(kinds)}.",
                CompletionItemKind.Property,
                detail="required" if needed else "",
                sort=f"{0 if needed else 1}{rank:03}",
                snippet=self._snippets,
            )

    def _pair(self, name: str, info: FieldInfo, kinds: tuple[str, ...]) -> str:
        """A key with a place for its value, as a snippet."""
        wanted = type_of(info)
        item = wanted.item(0)
        if kinds:
            return f"{name}: {_choice(kinds)}"
        if item and item.models and not self._place.flow:
            return f"{name}:\n{' ' * (self._column + 2)}- {self._example(item)}"
        if wanted.models and not wanted.is_parameter:
            return f"{name}: {self._example(wanted)}"
        if choices := _choices(wanted):
            return f"{name}: {_choice(choices)}"
        if info.is_required():
            return f"{name}: $1"
        return f"{name}: ${{1:{_escaped(flow(info.get_default(call_default_factory=True)))}}}"

    def _example(self, wanted: Type) -> str:
        """A mapping with a place for each required key, as a snippet."""
        models = tuple(wanted.models.values())
        if not models:
            return "$1"
        model = models[0]
        parts: list[str] = []
        for name in fields(model):
            if name == "kind":
                parts.append(f"kind: {_choice(tuple(held(wanted)), len(parts) + 1)}")
            elif (
                name in model.model_fields and model.model_fields[name].is_required() and (name == "name" or not parts)
            ):
                parts.append(f"{name}: ${len(parts) + 1}")
        return f"{{{', '.join(parts) or '$1'}}}"

    def _parameters(self, path: Path) -> Iterator[str]:
        """Dotted paths of the parameters that the schedule has."""
        for model in models_at(path, self._analysis.kinds)[:1]:
            for name, info in model.model_fields.items():
                wanted = type_of(info)
                if wanted.is_parameter:
                    yield ".".join(map(str, (*path, name)))
                elif wanted.models and len(path) < 4:
                    yield from self._parameters((*path, name))

    # ── values ──────────────────────────────────────────────────────────────────────────────────────

    def _values(self, path: Path, wanted: Type | None) -> Iterator[CompletionItem]:
        if path == ("extends",):
            yield from self._files()
            return
        if path and path[-1] == "kind":
            holder = type_at(path[:-1], self._analysis.kinds)
            for kind, model in (held(holder) if holder else {}).items():
                yield self._item(kind, kind, about_model(kind, model), CompletionItemKind.EnumMember)
            return
        if wanted is None:
            return
        names = [step for step in path if isinstance(step, str)]
        models = models_at(path[:-1], self._analysis.kinds, names[-1:]) if path else ()
        info = models[0].model_fields.get(str(path[-1])) if models else None
        about = about_field(str(path[-1]), info, models[0]) if info else ""
        for choice in _choices(wanted):
            yield self._item(choice, choice, about, CompletionItemKind.EnumMember)
        for kind, model in held(wanted).items():
            text = f"{{kind: {kind}}}"
            yield self._item(text, text, about_model(kind, model), CompletionItemKind.Struct)
        if wanted.is_parameter and self._snippets:
            text = "{low: $1, high: $2, value: $3}"
            yield self._item("{low, high, value}", text, about, CompletionItemKind.Struct, snippet=True)
        if info and not info.is_required() and not wanted.models and not _choices(wanted):
            default = flow(info.get_default(call_default_factory=True))
            yield self._item(default, default, about, CompletionItemKind.Value, detail="default")

    def _files(self) -> Iterator[CompletionItem]:
        """Specs in the folder that the path begins with."""
        typed = self._analysis.text[self._place.start :].split("\n", 1)[0].strip("\"' ")
        folder = os.path.dirname(typed)
        here = os.path.join(os.path.dirname(self._analysis.name), folder)
        try:
            names = sorted(os.listdir(here or "."))
        except (OSError, ValueError):
            return
        for name in names:
            full = os.path.join(here, name)
            if full != self._analysis.name and name.endswith((".yaml", ".yml")):
                text = scalar(os.path.join(folder, name))
                yield self._item(text, text, "", CompletionItemKind.File)

    def _item(
        self,
        label: str,
        text: str,
        about: str,
        kind: CompletionItemKind,
        *,
        detail: str = "",
        sort: str | None = None,
        snippet: bool = False,
    ) -> CompletionItem:
        if self._is_key and self._place.key:  # the colon and the value are there already
            text, snippet = label, False
        return CompletionItem(
            label=label,
            kind=kind,
            detail=detail or None,
            documentation=MarkupContent(MarkupKind.Markdown, about) if about else None,
            sort_text=sort,
            text_edit=TextEdit(self._range, text),
            insert_text_format=InsertTextFormat.Snippet if snippet else InsertTextFormat.PlainText,
            insert_text_mode=InsertTextMode.AsIs,
        )


_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_."


def _choices(wanted: Type) -> tuple[str, ...]:
    """The words that a value may be."""
    found: list[str] = []
    for member in wanted.members:
        if get_origin(member.annotation) is Literal:
            found += [scalar(value) for value in get_args(member.annotation)]
        elif member.annotation is bool:
            found += ["true", "false"]
        elif member.annotation is type(None):
            found.append("null")
    return tuple(found)


def _choice(values: tuple[str, ...], number: int = 1) -> str:
    return f"${{{number}|{','.join(values)}|}}" if len(values) > 1 else "".join(values)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("$", "\\$").replace("}", "\\}")
