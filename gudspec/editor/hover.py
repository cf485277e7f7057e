"""Hover: what a key, a kind or a code means."""

import re

from lsprotocol.types import Hover, MarkupContent, MarkupKind, Position

from gudspec.editor.analysis import Analysis
from gudspec.editor.markdown import about_code, about_field, about_model
from gudspec.editor.outline import Slot
from gudspec.linter.catalogue import CATALOGUE
from gudspec.spec.lookup import EXTENDS, held, models_at, type_at

__all__ = ["hover"]

_CODE = re.compile(r"GUD\d{3}")
_DESCRIPTIONS = {description.code: description for description in CATALOGUE}


def hover(analysis: Analysis, position: Position) -> Hover | None:
    """What is known about the word at a position: its meaning, then the problems there."""
    offset = analysis.positions.offset(position)
    found = analysis.outline.at(offset)
    parts = []
    stretch = found[0].key if found and found[1] else found[0].value if found else None
    if found:
        parts.append(_about(analysis, *found))
    for match in _CODE.finditer(analysis.text):  # in comments that silence a code
        if match.start() <= offset <= match.end() and (code := _DESCRIPTIONS.get(match[0])):
            parts, stretch = [about_code(code)], match.span()
    parts += [about_code(code) for code in map(_DESCRIPTIONS.get, _problems(analysis, position)) if code]
    text = "\n\n---\n\n".join(filter(None, parts))
    if not text:
        return None
    return Hover(MarkupContent(MarkupKind.Markdown, text), analysis.positions.range(*stretch) if stretch else None)


def _about(analysis: Analysis, slot: Slot, is_key: bool) -> str:
    path = slot.path
    if path == ("extends",):
        return f"**`extends`**: {EXTENDS}"
    if path[-1] == "kind" and not is_key:
        wanted = type_at(path[:-1], analysis.kinds)
        model = held(wanted).get(slot.text or "") if wanted else None
        return about_model(slot.text or "", model) if model else ""
    while path and isinstance(path[-1], int):  # items are described where their list is
        path = path[:-1]
    name = str(path[-1]) if path else ""
    models = models_at(path[:-1], analysis.kinds, (name,))
    info = models[0].model_fields.get(name) if models else None
    if not info:
        return ""
    text = about_field(name, info, models[0])
    entry = analysis.inherited(slot.path) if is_key else None
    return f"{text}\n\nReplaces or extends what `{entry.key}` says." if entry else text


def _problems(analysis: Analysis, position: Position) -> list[str]:
    here = (position.line, position.character)
    found = []
    for problem in analysis.known:
        if problem.span.file == analysis.name:
            place = analysis.positions.of_span(problem.span)
            if (place.start.line, place.start.character) <= here <= (place.end.line, place.end.character):
                found.append(problem.code)
    return list(dict.fromkeys(found))
