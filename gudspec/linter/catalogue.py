"""All codes that are ever reported, by whatever part, with what a person needs to understand them.

Of codes of the text, GUD0xx, `bad` and `good` are whole texts; a line `--- # file: NAME` begins another file,
`--- # set: A=B` an override. Of all others they are parts of a spec, to which what every spec needs has to be added.
"""

from gudspec.linter import comments, structure, text
from gudspec.linter.check import RULES
from gudspec.linter.deep.descriptions import DESCRIPTIONS as DEEP
from gudspec.linter.rule import Description

__all__ = ["CATALOGUE"]

CATALOGUE: tuple[type[Description], ...] = tuple(
    sorted(
        (*text.DESCRIPTIONS, *comments.DESCRIPTIONS, *structure.DESCRIPTIONS, *DEEP, *(type(rule) for rule in RULES)),
        key=lambda description: description.code,
    )
)
"""A description for every code, in ascending order."""
