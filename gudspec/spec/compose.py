"""Several texts become one tree: `extends`, `--set` and `${VAR}`.

The rules, from the weakest text to the strongest:

1. `extends: FILE` (relative to the file that says it) is read first, with its own `extends`.
2. The file's mappings are merged into the base's, key by key and at every depth. Everything else, lists included,
   replaces what the base says. A mapping that names another `kind` than the base's replaces it as a whole,
   because the keys of one kind mean nothing to another.
3. Overrides (`--set a.b=value`) are joined into one tree, the later ones stronger, which is merged by the same rules.
   A number selects an item of a list.
4. `${VAR}` and `${VAR:-default}` are substituted in the strings that are left; they stay strings. `$${` writes `${`.
"""

import os
import re
import stat
from collections.abc import Iterable
from collections.abc import Mapping as Environment
from dataclasses import replace

from gudspec.spec.diagnostics import SET, Diagnostic, Source, Span
from gudspec.spec.text import MAX_BYTES, decode, mark_at, parse
from gudspec.spec.tree import Broken, Entry, Mapping, Node, Scalar, Sequence, place

__all__ = ["compose", "read_source"]

_MAX_BASES = 32
"""Longest chain of `extends`."""
_MAX_KEYS = 64
"""Longest path of an override."""

_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{[^}]*\}?")
_KEYS = re.compile(r"""(?:"[^"]*"|[^".=]+)(?:\.(?:"[^"]*"|[^".=]+))*""")
_KEY = re.compile(r'"([^"]*)"|([^".=]+)')


def compose(
    source: Source,
    overrides: Iterable[str],
    environment: Environment[str, str],
    problems: list[Diagnostic],
    base: Source | None = None,
) -> Mapping | None:
    """The tree of a spec with all that it builds on.

    Args:
        source: the text of the spec.
        overrides: `a.b=value` each.
        environment: what `${VAR}` looks up.
        problems: what is wrong is appended here.
        base: a text that the spec builds on without saying so.

    Returns:
        The tree, or None where so much is wrong that its structure cannot be judged.
    """
    tree = _with_base(source, (os.path.realpath(source.name),), environment, problems)
    if base is not None and tree is not None:
        below = _with_base(base, (os.path.realpath(base.name),), environment, problems)
        tree = below and _merge(below, tree, problems)
    patch = Mapping({}, Span(Source(SET, "")))
    before = len(problems)
    for text in overrides:
        if (override := _override(text, problems)) is not None:
            patch = _merge(patch, override, problems)
    if tree is None or len(problems) > before:
        return None
    composed = _substitute(_merge(tree, patch, problems), environment, problems)
    return composed if isinstance(composed, Mapping) else None


def read_source(path: str) -> tuple[Source, Diagnostic | None]:
    """The text of a file, or why it cannot be read."""
    missing = Source(path, "")
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            return missing, Diagnostic("GUD001", f"cannot read the spec: it is {kind}", Span(missing))
        with open(path, "rb") as file:
            return decode(path, file.read(MAX_BYTES + 1))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return missing, Diagnostic("GUD001", f"cannot read the spec: {reason}", Span(missing))


# ── extends ─────────────────────────────────────────────────────────────────────────────────────────


def _with_base(
    source: Source, chain: tuple[str, ...], environment: Environment[str, str], problems: list[Diagnostic]
) -> Mapping | None:
    tree = parse(source, problems)
    if tree is None or isinstance(tree, Broken):
        return None
    if not isinstance(tree, Mapping):
        problems.append(Diagnostic("GUD005", "a spec is a mapping, `key: value` on each line", tree.span))
        return None
    entry = tree.entries.get("extends")
    if entry is None:
        return tree
    own = Mapping({key: value for key, value in tree.entries.items() if key != "extends"}, tree.span)
    target = _substitute(entry.value, environment, problems)
    if isinstance(target, Broken):
        return None
    if not (isinstance(target, Scalar) and isinstance(target.value, str)):
        message = "`extends` must be the path of one file"
        problems.append(Diagnostic("GUD011", message, place(tree, ("extends",))))
        return None
    if not target.value.endswith((".yaml", ".yml")):
        message = "`extends` must be a .yaml or .yml file"  # so that no other file is ever quoted in a message
        problems.append(Diagnostic("GUD011", message, target.span))
        return None
    path = os.path.normpath(os.path.join(os.path.dirname(source.name), target.value))
    base_source, unreadable = read_source(path)
    if unreadable and unreadable.code == "GUD001":
        reason = unreadable.message.removeprefix("cannot read the spec: ")
        problems.append(Diagnostic("GUD011", f"cannot read `{path}`, which this spec extends: {reason}", target.span))
        return None
    if unreadable:
        problems.append(unreadable)
        return None
    if os.path.realpath(path) in chain:
        problems.append(Diagnostic("GUD012", f"`extends` runs in a circle: {path} builds on this file", target.span))
        return None
    if len(chain) > _MAX_BASES:
        message = f"`extends` leads through more than {_MAX_BASES} files: is it a circle?"
        problems.append(Diagnostic("GUD012", message, target.span))
        return None
    base = _with_base(base_source, (*chain, os.path.realpath(path)), environment, problems)
    return _merge(base, own, problems) if base else None


def _merge(base: Mapping, child: Mapping, problems: list[Diagnostic]) -> Mapping:
    entries = dict(base.entries)
    for key, entry in child.entries.items():
        old = entries.get(key)
        entries[key] = Entry(entry.key, _join(old.value, entry.value, problems)) if old else entry
    # The base's span would do as well; the child is what the user works on.
    return Mapping(entries, child.span if child.entries else base.span)


def _join(base: Node, child: Node, problems: list[Diagnostic]) -> Node:
    if isinstance(child, Mapping) and isinstance(base, Mapping):
        mine, other = child.get("kind"), base.get("kind")
        if isinstance(mine, Scalar) and isinstance(other, Scalar) and mine.value != other.value:
            return child
        return _merge(base, child, problems)
    if isinstance(child, Mapping) and isinstance(base, Sequence) and child.span.file == SET:
        return _into_list(base, child, problems)
    return child


def _into_list(base: Sequence, child: Mapping, problems: list[Diagnostic]) -> Node:
    items = list(base.items)
    for key, entry in child.entries.items():
        if not key.isdecimal() or len(key) > 9 or int(key) >= len(items):
            known = f"items 0 to {len(items) - 1}" if items else "no items"
            problems.append(Diagnostic("GUD014", f"`{key}` selects nothing: the list has {known}", entry.key))
            return Broken(child.span)
        items[int(key)] = _join(items[int(key)], entry.value, problems)
    return Sequence(tuple(items), base.span)


# ── --set ───────────────────────────────────────────────────────────────────────────────────────────


def _override(text: str, problems: list[Diagnostic]) -> Mapping | None:
    """`a.b=value` as the tree {a: {b: value}}, whose spans lie in the override's text."""
    source = Source(SET, text)
    path = _KEYS.match(text)
    if not path or text[path.end() : path.end() + 1] != "=":
        message = "an override is written `path.to.key=value`"
        problems.append(Diagnostic("GUD014", message, _within(source, 0, len(text))))
        return None
    if len(_KEY.findall(path[0])) > _MAX_KEYS:
        message = f"a path of more than {_MAX_KEYS} keys: nothing in a spec is nested as deep"
        problems.append(Diagnostic("GUD014", message, _within(source, 0, path.end())))
        return None
    if path[0] == "extends":
        message = "`extends` cannot be overridden: it says what the other keys build on"
        problems.append(Diagnostic("GUD014", message, _within(source, 0, path.end())))
        return None
    start = path.end() + 1
    # The key is blanked, not cut, so that marks in the value are marks in the override.
    begin = mark_at(text[:start])
    blank = "\n" * (begin.line - 1) + " " * (begin.column - 1)
    wrong: list[Diagnostic] = []
    value = parse(Source(SET, blank + text[start:]), wrong, fragment=True)
    problems.extend(replace(problem, span=replace(problem.span, source=source)) for problem in wrong)
    if value is None or isinstance(value, Broken):
        return None
    node = _move(value, source)
    for key in reversed(list(_KEY.finditer(path[0]))):
        span = _within(source, key.start(), key.end())
        name = key[1] if key[1] is not None else key[2]
        node = Mapping({name: Entry(span, node)}, Span(source, span.start, node.span.end))
    return node if isinstance(node, Mapping) else None


def _within(source: Source, start: int, end: int) -> Span:
    return Span(source, mark_at(source.text[:start]), mark_at(source.text[:end]))


def _move(node: Node, source: Source) -> Node:
    """The same tree, marked in another source."""
    span = replace(node.span, source=source)
    match node:
        case Scalar(value):
            return Scalar(value, span)
        case Sequence(items):
            return Sequence(tuple(_move(item, source) for item in items), span)
        case Mapping(entries):
            moved = {key: Entry(replace(e.key, source=source), _move(e.value, source)) for key, e in entries.items()}
            return Mapping(moved, span)
    return Broken(span)


# ── ${VAR} ──────────────────────────────────────────────────────────────────────────────────────────


def _substitute(node: Node, environment: Environment[str, str], problems: list[Diagnostic]) -> Node:
    match node:
        case Scalar(str() as text, span) if "${" in text:
            return _interpolate(text, span, environment, problems)
        case Sequence(items, span):
            return Sequence(tuple(_substitute(item, environment, problems) for item in items), span)
        case Mapping(entries, span):
            done = {key: Entry(e.key, _substitute(e.value, environment, problems)) for key, e in entries.items()}
            return Mapping(done, span)
    return node


def _interpolate(text: str, span: Span, environment: Environment[str, str], problems: list[Diagnostic]) -> Node:
    used: list[str] = []
    wrong: list[str] = []

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if match[0] == "$${":
            return "${"
        if name is None:
            wrong.append(f"`{match[0]}` is not `${{NAME}}` or `${{NAME:-default}}`; `$${{` writes a plain `${{`")
        elif name in environment:
            used.append(name)
            return environment[name]
        elif default is None:
            wrong.append(f"the environment variable `{name}` is not set; `${{{name}:-default}}` gives it a default")
        return default or ""

    result = _VARIABLE.sub(value, text)
    if len(result) > max(MAX_BYTES, len(text)):
        wrong.append(f"a string of more than {MAX_BYTES // 1000} kB, with what its environment variables hold")
    problems.extend(Diagnostic("GUD013", message, span) for message in wrong)
    return Broken(span) if wrong else Scalar(result, span, tuple(dict.fromkeys(used)))
