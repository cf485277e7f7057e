"""Scalars, read and written by the core schema of YAML 1.2 (yaml.org/spec/1.2.2, §10.3.2)."""

import json
import math
import re

__all__ = ["core", "scalar"]

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INFINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_LONGEST = 400
"""Digits of the longest number; the largest double has 309."""
_LARGEST = 2**63
"""Integers from here on are read as floating-point numbers, which no field that counts accepts."""


def core(text: str) -> bool | int | float | str | None:
    """The value of an unquoted scalar.

    An integer that 64 bits do not hold is a floating-point number.

    Args:
        text: the scalar as it is written.

    Raises:
        ValueError: it is a number of absurd length.

    Example:
        >>> [core(text) for text in ("1e-3", "012", "0o14", "on", "~", "true", "-.inf", "1:30")]
        [0.001, 12, 12, 'on', None, True, -inf, '1:30']
    """
    if text in _WORDS:
        return _WORDS[text]
    if not (text[0].isdigit() or text[0] in "+-."):
        return text
    if infinite := _INFINITE.fullmatch(text):
        return float(f"{infinite[1]}inf")
    if text in (".nan", ".NaN", ".NAN"):
        return float("nan")
    for pattern, base in ((_INTEGER, 10), (_OCTAL, 8), (_HEXADECIMAL, 16), (_FLOAT, 0)):
        if pattern.fullmatch(text):
            if len(text) > _LONGEST:
                raise ValueError(f"a number of {len(text)} characters")
            if not base:
                return float(text)
            number = int(text, base)
            return number if abs(number) < _LARGEST else _float(number, text)
    return text


def _float(number: int, text: str) -> float:
    try:
        return float(number)
    except OverflowError:
        raise ValueError(f"a number of {len(text)} characters") from None


_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*", re.ASCII)
_ESCAPED = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def scalar(value: bool | int | float | str | None) -> str:
    """The shortest text that `core` (or a quoted scalar) reads as `value`.

    Args:
        value: a leaf.

    Example:
        >>> [scalar(value) for value in (None, True, 1e-5, "pca", "1e-3", "true", "")]
        ['null', 'true', '1e-05', 'pca', '"1e-3"', '"true"', '""']
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else "-.inf" if value < 0 else ".inf"
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN.fullmatch(value) and core(value) == value:
        return value
    # JSON's strings are YAML's, except for what YAML calls unprintable.
    return _ESCAPED.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(value, ensure_ascii=False))
