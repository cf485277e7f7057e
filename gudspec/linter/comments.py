"""Comments that silence findings: `# gudspec: ignore[GUD230]`, on the line of the finding."""

import re
from bisect import bisect
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import yaml

from gudspec.linter.deep.descriptions import DESCRIPTIONS as DEEP
from gudspec.linter.rule import Description
from gudspec.linter.selection import nearest
from gudspec.spec.diagnostics import SET, Diagnostic, Mark, Source, Span
from gudspec.spec.load import Document

__all__ = ["DESCRIPTIONS", "Sifted", "sift"]

_COMMENT = re.compile(r"(?:(?<=\s)|^)#\s*gudspec:\s*ignore\b(?:\[([^\]]*)\])?[^\n]*?(?=\s*$)")
_WORD = re.compile(r"[^\s,]+")
_FORM = "`# gudspec: ignore[GUD230]`, several codes separated by commas"
_SPEC = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"


class UnusedIgnore(Description):
    """A comment that silences nothing hides the next finding on its line, which nobody has judged yet.

    It is unused if the finding is gone, or was never on this line. Findings of rules that could not be checked, because
    the data's statistics are not known yet, get the benefit of the doubt, and so do those of `--deep`, which depend on
    the devices. `gudspec lint --fix` removes the comment.
    """

    code = "GUD016"
    severity = "warning"
    summary = "an ignore comment without a finding"
    bad = _SPEC + "train: {steps: 5000, ema: 0.99}  # gudspec: ignore[GUD230]\n"
    good = _SPEC + "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD230]\n"


class UnknownIgnore(Description):
    """A comment silences the codes that it names in brackets, so these have to be codes of rules.

    What the language itself refuses cannot be ignored: such a text has no meaning that a run could act on.
    """

    code = "GUD017"
    severity = "warning"
    summary = "an ignore comment that names no rule"
    bad = _SPEC + "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD230, GUD23]\n"
    good = _SPEC + "train: {steps: 500, ema: 0.999}  # gudspec: ignore[GUD230]\n"


DESCRIPTIONS: tuple[type[Description], ...] = (UnusedIgnore, UnknownIgnore)


@dataclass(frozen=True, slots=True)
class _Comment:
    """A comment that wants to silence something."""

    whole: Span
    """From the white space before it to its end."""
    codes: tuple[Span, ...]
    """Where it names codes; none if it is malformed."""


@dataclass(frozen=True, slots=True)
class Sifted:
    """Findings, after comments have had their say."""

    findings: tuple[Diagnostic, ...]
    """What is left, with what is wrong with the comments of the spec's own file; in no particular order."""
    ignored: tuple[Diagnostic, ...]
    """What comments have silenced."""


def sift(document: Document, found: Iterable[Diagnostic], rules: Collection[str]) -> Sifted:
    """Separates what comments silence from what they do not.

    Args:
        document: the spec; comments count in the file in which a finding is, be it one that the spec extends.
        found: what the rules have found.
        rules: codes that can be silenced.
    """
    found = list(found)
    sources = dict.fromkeys([document.source, *(one.span.source for one in found if one.span.file != SET)])
    comments = {source: list(_comments(source)) for source in sources}
    silent = {
        (source, code.start.line, _text(code)) for source in sources for one in comments[source] for code in one.codes
    }
    if not any(comments.values()):
        return Sifted(tuple(found), ())
    ignored = dict.fromkeys(one for one in found if (one.span.source, one.span.start.line, one.code) in silent)
    used = {(one.span.start.line, one.code) for one in ignored if one.span.source is document.source}
    wrong = list(_wrong(comments[document.source], used, rules, document))
    return Sifted(tuple(one for one in [*found, *wrong] if one not in ignored), tuple(ignored))


def _wrong(
    comments: list[_Comment], used: set[tuple[int, str]], rules: Collection[str], document: Document
) -> Iterator[Diagnostic]:
    undecided: set[str] | None = None
    for comment in comments:
        if not comment.codes:
            yield Diagnostic("GUD017", f"which findings? Write {_FORM}", comment.whole, "warning")
        unused = [code for code in comment.codes if _text(code) in rules and (code.start.line, _text(code)) not in used]
        yield from (_unknown(code, rules) for code in comment.codes if _text(code) not in rules)
        if document.overrides or document.broken:  # what is not found this time may be found without them
            continue
        if unused and undecided is None:
            from gudspec.linter.unchecked import unchecked

            undecided = {*unchecked(document), *(description.code for description in DEEP)}
        unused = [code for code in unused if _text(code) not in (undecided or ())]
        if unused and len(unused) == len(comment.codes):
            yield _unused(comment.whole, ", ".join(map(_text, unused)))
        else:
            yield from (_unused(_with_comma(comment, comment.codes.index(code)), _text(code)) for code in unused)


def _unused(span: Span, codes: str) -> Diagnostic:
    message = f"this comment silences nothing: {codes} is not found on its line"
    return Diagnostic("GUD016", message, span, "warning", "", certain=True)


def _unknown(code: Span, rules: Collection[str]) -> Diagnostic:
    from gudspec.linter.catalogue import CATALOGUE

    name = _text(code)
    if any(name == known.code for known in CATALOGUE):
        message = f"{name} cannot be ignored: a text with this error has no meaning that a run could act on"
        return Diagnostic("GUD017", message, code, "warning")
    return Diagnostic("GUD017", f"there is no rule {name}", code, "warning", nearest(name, rules))


def _text(span: Span) -> str:
    return span.source.line(span.start.line)[span.start.column - 1 : span.end.column - 1]


def _with_comma(comment: _Comment, index: int) -> Span:
    """A code with the comma that separates it from its neighbour."""
    code = comment.codes[index]
    if index:
        return Span(code.source, comment.codes[index - 1].end, code.end)
    return Span(code.source, code.start, comment.codes[1].start)


def _comments(source: Source) -> Iterator[_Comment]:
    if "gudspec:" not in source.text or "ignore" not in source.text:
        return
    scalars = _scalars(source.text)
    for number, line in enumerate(source.text.splitlines(), 1):
        for match in _COMMENT.finditer(line):
            here = Mark(number, match.start() + 1)
            before = bisect(scalars, here, key=lambda scalar: scalar[0])
            if before and _inside(here, *scalars[before - 1]):
                continue
            blank = len(line[: match.start()]) - len(line[: match.start()].rstrip())
            whole = Span(source, Mark(number, match.start() - blank + 1), Mark(number, match.end() + 1))
            words = _WORD.finditer(match[1] or "")
            start = match.start(1)
            spans = (
                Span(source, Mark(number, start + word.start() + 1), Mark(number, start + word.end() + 1))
                for word in words
            )
            yield _Comment(whole, tuple(spans))


def _scalars(text: str) -> list[tuple[Mark, Mark, bool]]:
    """Start and end of every scalar, and whether it is a block: what looks like a comment in one is text."""
    try:
        return [
            (
                Mark(token.start_mark.line + 1, token.start_mark.column + 1),
                Mark(token.end_mark.line + 1, token.end_mark.column + 1),
                token.style in ("|", ">"),
            )
            for token in yaml.scan(text, Loader=yaml.CSafeLoader)
            if isinstance(token, yaml.ScalarToken)
        ]
    except yaml.YAMLError:
        return []


def _inside(mark: Mark, start: Mark, end: Mark, block: bool) -> bool:
    # The line on which a block begins, `key: |  # comment`, may end in a comment.
    return start <= mark < end and not (block and mark.line == start.line)
