"""What the server knows about one version of a text."""

import json
from functools import cached_property
from pathlib import Path

from gudspec.editor.outline import Outline, outline
from gudspec.editor.positions import Positions
from gudspec.linter.check import SILENT, examine
from gudspec.linter.config import Settings, settings
from gudspec.linter.selection import Selection
from gudspec.spec.compose import compose
from gudspec.spec.diagnostics import Diagnostic, Source, SpecError
from gudspec.spec.lookup import fields
from gudspec.spec.models import Experiment
from gudspec.spec.text import MAX_BYTES
from gudspec.spec.tree import Entry, Mapping, Scalar, find
from gudspec.spec.tree import Path as Keys

__all__ = ["Analysis"]


class Analysis:
    """One version of a text; whatever is asked of it is computed once."""

    def __init__(self, name: str, text: str, encoding: str):
        self.name = name
        self.text = text
        self.encoding = encoding
        self.positions = Positions(text, encoding)
        self._diagnostics: tuple[Diagnostic, ...] | None = None

    @cached_property
    def outline(self) -> Outline:
        """Its keys, read tolerantly; none where there is too much to be a spec."""
        return outline(self.text if len(self.text) <= MAX_BYTES else "")

    @cached_property
    def is_spec(self) -> bool:
        """Whether this is a spec at all, and no other YAML of a project; an empty text may become one."""
        if len(self.text) > MAX_BYTES:
            return False
        keys = set(self.outline.keys(()))
        return "gudspec" in keys or keys <= set(fields(Experiment))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All that `gudspec lint` says about it, if it says anything."""
        if self._diagnostics is None:
            self._diagnostics = _lint(self.name, self.text) if self.is_spec and self.text.strip() else ()
        return self._diagnostics

    @property
    def known(self) -> tuple[Diagnostic, ...]:
        """The diagnostics as far as they are known already: rules that read large files may take a while."""
        return self._diagnostics or ()

    @cached_property
    def base(self) -> Mapping | None:
        """The tree of what it extends, with that which those files extend."""
        slot = self.outline.find(("extends",))
        if slot is None or not slot.text:
            return None
        # Environment variables are left open: what a file inherits can be shown all the same.
        return compose(Source(self.name, f"extends: {json.dumps(slot.text)}\n"), (), {}, [])

    def inherited(self, path: Keys) -> Entry | None:
        """The key of the base at a path."""
        holder = find(self.base, path[:-1]) if self.base and path else None
        return holder.entries.get(str(path[-1])) if isinstance(holder, Mapping) else None

    def kinds(self, path: Keys) -> object:
        """The kind of the mapping at a path, given here or inherited."""
        if (kind := self.outline.kind(path)) is not None:
            return kind
        found = find(self.base, (*path, "kind")) if self.base else None
        return found.value if isinstance(found, Scalar) else None


def _lint(name: str, text: str) -> tuple[Diagnostic, ...]:
    try:
        project = settings(Path(name).parent)
    except (SpecError, OSError):  # a pyproject.toml that is being typed as well
        project = Settings()
    selection = Selection(project.select, project.ignore)

    def wanted(found: Diagnostic) -> bool:
        return found.code not in SILENT or (selection.wants(found.code) and not project.ignored(found))

    return examine([(Source(name, text), None)], (), wanted).findings
