"""Settings of the linter: the table `[tool.gudspec]` of the nearest pyproject.toml."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gudspec.linter.selection import EVERYTHING, problems_of
from gudspec.spec.diagnostics import Diagnostic, Mark, Source, Span, SpecError
from gudspec.spec.validate import closest

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

__all__ = ["Settings", "settings"]

_FILE = "pyproject.toml"
_LISTS = ("select", "ignore", "paths", "exclude")
_KEYS = (*_LISTS, "strict", "per-file-ignores")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)|\(at end of document\)")


@dataclass(frozen=True)
class Settings:
    """What a project says about its specs; paths and patterns are relative to `root`."""

    root: Path = Path()
    """The folder of the pyproject.toml."""
    select: tuple[str, ...] = EVERYTHING
    """Codes and prefixes of wanted findings."""
    ignore: tuple[str, ...] = ()
    """Codes and prefixes of unwanted findings."""
    paths: tuple[str, ...] = (".",)
    """What `gudspec lint` without arguments checks."""
    exclude: tuple[str, ...] = ()
    """Patterns, as in .gitignore, of what is passed over in folders."""
    strict: bool = False
    """Whether rules that could not be checked count as findings."""
    per_file_ignores: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Patterns of files, with codes and prefixes that are unwanted in them."""

    def excluded(self, path: Path) -> bool:
        """Whether a file or folder is passed over."""
        return bool(self.exclude) and self._fits(_patterns(self.exclude), path)

    def ignored(self, found: Diagnostic) -> bool:
        """Whether a finding is unwanted in the file in which it is."""
        return any(
            found.code.startswith(codes) and self._fits(_patterns((pattern,)), Path(found.span.file))
            for pattern, codes in self.per_file_ignores.items()
        )

    def _fits(self, patterns: "GitIgnoreSpec", path: Path) -> bool:
        try:
            name = path.absolute().relative_to(self.root.absolute()).as_posix()
        except ValueError:  # outside the project
            return False
        return patterns.match_file(f"{name}/" if path.is_dir() else name)


def _patterns(patterns: tuple[str, ...]) -> "GitIgnoreSpec":
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(patterns)


def settings(start: Path) -> Settings:
    """The settings that hold for a path.

    Args:
        start: a file or folder; the first pyproject.toml with a table `[tool.gudspec]` in it or above decides.

    Raises:
        SpecError: that file is wrong.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        file = folder / _FILE
        if not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if ("tool.gudspec" in text or "[tool]" in text) and (found := _read(Source(_shown(file), text), folder)):
            return found
    return Settings()


def _shown(file: Path) -> str:
    try:
        return str(file.relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def _read(source: Source, root: Path) -> Settings | None:
    import tomllib

    try:
        tool = tomllib.loads(source.text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise SpecError([_syntax(source, error)]) from None
    if not isinstance(tool, dict) or "gudspec" not in tool:
        return None
    table = tool["gudspec"]
    if not isinstance(table, dict):
        raise SpecError([Diagnostic("GUD018", "`tool.gudspec` must be a table", _place(source))])
    if problems := list(_problems(source, table)):
        raise SpecError(problems)
    lists = {key: tuple(table[key]) for key in _LISTS if key in table}
    ignores = {pattern: tuple(codes) for pattern, codes in table.get("per-file-ignores", {}).items()}
    return Settings(root=root, strict=table.get("strict", False), per_file_ignores=ignores, **lists)


def _syntax(source: Source, error: ValueError) -> Diagnostic:
    found = _PLACE.search(str(error))
    lines = source.text.splitlines() or [""]
    mark = Mark(int(found[1]), int(found[2])) if found and found[1] else Mark(len(lines), len(lines[-1]) + 1)
    reason = str(error)[: found.start()].strip() if found else str(error)
    return Diagnostic("GUD018", f"not TOML: {reason[:1].lower()}{reason[1:]}", Span(source, mark, mark))


def _problems(source: Source, table: dict[str, Any]) -> Iterator[Diagnostic]:
    for key, value in table.items():
        if key not in _KEYS:
            message = f"unknown key `{key}` in tool.gudspec; known keys: {', '.join(_KEYS)}"
            yield Diagnostic("GUD018", message, _place(source, key), suggestion=closest(key, _KEYS))
        elif key == "strict":
            if not isinstance(value, bool):
                yield Diagnostic("GUD018", "`strict` must be true or false", _place(source, key))
        elif key in _LISTS:
            yield from _listed(source, value, (key,), key)
        elif not isinstance(value, dict):
            message = "`per-file-ignores` must be a table of patterns, each with a list of codes"
            yield Diagnostic("GUD018", message, _place(source, key))
        else:
            for pattern, codes in value.items():
                yield from _listed(source, codes, (key, pattern), "ignore")


def _listed(source: Source, value: object, path: tuple[str, ...], meaning: str) -> Iterator[Diagnostic]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        yield Diagnostic("GUD018", f"`{'.'.join(path)}` must be a list of strings", _place(source, *path))
    elif meaning in ("select", "ignore"):
        words = [(word, _place(source, *path, word)) for word in value]
        yield from problems_of(words, ignoring=meaning == "ignore")


def _place(source: Source, *words: str) -> Span:
    """Where some words, each after the one before, are written in the table; TOML's parser does not tell."""
    found = re.search(r"^\s*\[?\s*tool\s*\.\s*gudspec|^\s*gudspec\b", source.text, re.MULTILINE)
    start, end = (found.start(), found.end()) if found else (0, 0)
    for word in words:
        # not inside a longer word: `ignore` is part of `per-file-ignores`
        match = re.compile(rf"(?<![\w-]){re.escape(word)}(?![\w-])").search(source.text, end)
        start, end = match.span() if match else (start, end)
    return Span(source, _mark(source.text, start), _mark(source.text, end))


def _mark(text: str, offset: int) -> Mark:
    lines = f"{text[:offset]}.".splitlines()
    return Mark(len(lines), len(lines[-1]))
