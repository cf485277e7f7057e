"""The reference of all codes, from their classes: `python -m gudspec.linter.reference > docs/rules.md`."""

from collections.abc import Iterator

from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.rule import Description

__all__ = ["lines", "reference"]

_PREFACE = """\
# Codes

<!-- Generated from the rules by `make docs`; edit their docstrings instead. -->

What `gudspec lint` reports, by code; `gudspec explain CODE` prints a section of this page. [Linting](linting.md) says
how to select, silence and fix findings.

An **error** keeps a spec from running, a **warning** does not. The examples below GUD100 are whole specs, in which
`--- # file: NAME` begins another file and `--- # set: A=B` stands for `--set A=B`. All others are parts of one. GUD310
and above in that family are found by `gudspec lint --deep`, their examples with `--devices 8 --accelerator v5e`.
"""
_FAMILIES = {
    "0": "The text",
    "1": "The structure",
    "2": "The design",
    "3": "Cost",
    "4": "Surroundings",
}


def reference() -> str:
    """The reference as Markdown."""
    parts = [_PREFACE, *_contents()]
    family = ""
    for description in CATALOGUE:
        if description.code[3] != family:
            family = description.code[3]
            parts += [f"## GUD{family}xx: {_FAMILIES[family]}", ""]
        parts += _section(description)
    return "\n".join(parts).rstrip() + "\n"


def lines(example: str) -> list[str]:
    """An example, line by line; what cannot be printed is shown as a replacement character."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in example)
    return shown.rstrip().splitlines()


def _contents() -> Iterator[str]:
    yield "| code | severity | |"
    yield "|---|---|---|"
    for one in CATALOGUE:
        yield f"| [{one.code}](#{one.code.lower()}) | {one.severity} | {one.summary.replace('|', chr(92) + '|')} |"
    yield ""


def _section(description: type[Description]) -> Iterator[str]:
    yield f"### {description.code}"
    yield ""
    yield f"**{description.summary[:1].upper()}{description.summary[1:]}** ({description.severity})"
    yield ""
    yield description.explanation()
    for title, example in (("Bad", description.bad), ("Good", description.good)):
        yield f"\n{title}:\n\n```yaml\n{chr(10).join(lines(example))}\n```"
    if description.source:
        yield f"\nSource: {description.source}"
    yield ""


if __name__ == "__main__":
    print(reference(), end="")
