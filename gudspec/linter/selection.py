"""Which findings are wanted: codes, or prefixes such as `GUD2`, that select and ignore."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from gudspec.spec.diagnostics import Diagnostic, Mark, Source, Span

__all__ = ["EVERYTHING", "Selection", "listed", "nearest", "problems_of"]

EVERYTHING = ("GUD",)
"""The prefix of all codes."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Codes and prefixes; the longer one that fits a code decides, and `ignore` where both are equally long."""

    select: tuple[str, ...] = EVERYTHING
    ignore: tuple[str, ...] = ()

    def wants(self, code: str) -> bool:
        """Whether findings of a code are wanted.

        Example:
            >>> some = Selection(("GUD2",), ("GUD22",))
            >>> [some.wants(code) for code in ("GUD201", "GUD221", "GUD301")]
            [True, False, False]
        """
        return _fit(self.select, code) > _fit(self.ignore, code)


def _fit(prefixes: tuple[str, ...], code: str) -> int:
    return max((len(prefix) for prefix in prefixes if code.startswith(prefix)), default=0)


def listed(option: str, texts: Iterable[str]) -> list[tuple[str, Span]]:
    """The words of a command line's option, with their places for diagnostics.

    Args:
        option: its name.
        texts: what was given, once or several times, each separated by commas.
    """
    found = []
    for text in texts:
        column = 1
        for part in text.split(","):
            word = part.strip()
            start = column + len(part) - len(part.lstrip())
            found.append((word, Span(Source(option, text), Mark(1, start), Mark(1, start + len(word)))))
            column += len(part) + 1
    return found


def nearest(word: str, codes: Iterable[str]) -> str | None:
    """The code that was probably meant.

    Codes are so alike that only little differences say anything.

    Example:
        >>> [nearest(word, ["GUD230", "GUD231"]) for word in ("gud23O", "231", "GUD9")]
        ['GUD230', 'GUD231', None]
    """
    codes = sorted(codes)
    plain = word.upper().removeprefix("GUD").translate(str.maketrans("OIL", "011"))
    if f"GUD{plain}" in codes:
        return f"GUD{plain}"
    if any(code.startswith(word.upper()) for code in codes):  # several: which one, nobody knows
        return None
    found = difflib.get_close_matches(word.upper(), codes, n=1, cutoff=0.82)
    return found[0] if found else None


def problems_of(words: Iterable[tuple[str, Span]], *, ignoring: bool) -> list[Diagnostic]:
    """What is wrong with codes that a user has named.

    Args:
        words: codes or prefixes, and where they are.
        ignoring: whether they are to be ignored, which findings that keep a spec from being read cannot be.
    """
    from gudspec.linter.catalogue import CATALOGUE
    from gudspec.linter.check import SILENT

    codes = [description.code for description in CATALOGUE]
    found = []
    for word, span in words:
        if not word or not any(code.startswith(word) for code in codes):
            message = f"no code begins with `{word}`: `gudspec rules` lists them"
            found.append(Diagnostic("GUD018", message, span, suggestion=nearest(word, codes)))
        elif ignoring and not any(code.startswith(word) for code in SILENT):
            message = f"{word} cannot be ignored: a text with such an error has no meaning that a run could act on"
            found.append(Diagnostic("GUD018", message, span))
    return found
