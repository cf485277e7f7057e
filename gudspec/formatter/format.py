"""`gudspec fmt`: the canonical text of a spec."""

import json
import re
from collections import Counter

from gudspec.formatter.layout import lay_out
from gudspec.formatter.syntax import Text, Unusual, read
from gudspec.spec.diagnostics import Diagnostic, Source, SpecError, in_order
from gudspec.spec.text import parse
from gudspec.spec.tree import plain

__all__ = ["format_text"]

_BREAK = re.compile(r"\r\n?|\n")


def format_text(text: str, *, name: str = "<text>") -> str:
    r"""The canonical layout of a spec: the order of docs/language.md, two spaces of indentation, comments kept.

    What a person chose is kept where there is a choice: values as they are written, blocks or braces, single empty
    lines, comments that are aligned. A text whose meaning could not be shown to stay is returned as it is.

    Args:
        text: YAML; it need not be a valid spec.
        name: how diagnostics name it.

    Raises:
        SpecError: it cannot be parsed.

    Example:
        >>> print(format_text("name:  example # mine\ngudspec: 1\n\n\ndata: { source:  {kind: digits} }"), end="")
        gudspec: 1
        name: example  # mine
        <BLANKLINE>
        data: {source: {kind: digits}}
    """
    ending = next(iter(_BREAK.findall(text)), "\n")
    before = _BREAK.sub("\n", text)
    meaning = _meaning(before, Source(name, text))
    try:
        tree = read(before)
        after = lay_out(tree)
        again = read(after)
        kept = _comments(again) == _comments(tree) and _meaning(after, Source(name, after)) == meaning
        stable = kept and lay_out(again) == after
    except (SpecError, Unusual):
        return text
    return after.replace("\n", ending) if stable else text


def _meaning(text: str, source: Source) -> str:
    """What a text says, without the order of keys; JSON tells 1, 1.0 and true apart."""
    problems: list[Diagnostic] = []
    tree = parse(Source(source.name, text), problems)
    if problems or tree is None:
        raise SpecError(in_order(source, problems))
    return json.dumps(plain(tree), sort_keys=True)


def _comments(tree: Text) -> Counter[str]:
    return Counter(comment.text for comment in tree.comments)
