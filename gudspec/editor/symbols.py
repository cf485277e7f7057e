"""The outline that editors show, and where a value comes from."""

import os

from lsprotocol.types import DocumentSymbol, Location, Position, SymbolKind

from gudspec.editor.analysis import Analysis
from gudspec.editor.diagnostics import location
from gudspec.spec.compose import read_source
from gudspec.spec.diagnostics import Span
from gudspec.spec.tree import Path

__all__ = ["definition", "symbols"]


def definition(analysis: Analysis, position: Position) -> Location | None:
    """The file that `extends` names; for another key, the place in such a file that it replaces or extends."""
    found = analysis.outline.at(analysis.positions.offset(position))
    if found is None:
        return None
    slot = found[0]
    if slot.path == ("extends",) and slot.text:
        source, unreadable = read_source(os.path.normpath(os.path.join(os.path.dirname(analysis.name), slot.text)))
        return None if unreadable else location(Span(source), analysis.encoding)
    entry = analysis.inherited(slot.path)
    return location(entry.key, analysis.encoding) if entry else None


def symbols(analysis: Analysis) -> list[DocumentSymbol]:
    """The keys of a text as a tree."""
    top: list[DocumentSymbol] = []
    by_path: dict[Path, DocumentSymbol] = {}
    for slot in analysis.outline.slots:
        name = analysis.outline.find((*slot.path, "name")) if isinstance(slot.path[-1], int) else None
        label = (name.text if name else None) or str(slot.path[-1]) or "''"
        symbol = DocumentSymbol(
            name=label,
            detail=slot.text or analysis.outline.kind(slot.path),
            kind=SymbolKind.Property if slot.text is not None else SymbolKind.Object,
            range=analysis.positions.range(slot.key[0], max(slot.end, slot.key[1])),
            selection_range=analysis.positions.range(*slot.key),
            children=[],
        )
        holder = by_path.get(slot.path[:-1])
        siblings = holder.children if holder else top
        assert isinstance(siblings, list)
        siblings.append(symbol)
        by_path[slot.path] = symbol
    return top
