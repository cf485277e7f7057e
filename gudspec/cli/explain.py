"""`gudspec explain`."""

from typing import Annotated

import typer

__all__ = ["explain"]


def explain(
    code: Annotated[str, typer.Argument(metavar="CODE", help="The code of a finding, e.g. GUD213.")],
) -> None:
    """Explain what a code means, why it matters, and how it looks wrong and right.

    Exits 2 if there is no such code.
    """
    from rich.console import Console
    from rich.text import Text

    from gudspec.errors import Refused
    from gudspec.linter.catalogue import CATALOGUE
    from gudspec.linter.reference import lines
    from gudspec.linter.selection import nearest

    known = {description.code: description for description in CATALOGUE}
    if code.upper() not in known:
        meant = nearest(code, known)
        hint = f"did you mean `{meant}`?" if meant else "`gudspec rules` lists all codes"
        raise Refused(f"error: there is no code `{code}`: {hint}")
    found = known[code.upper()]
    color = "red" if found.severity == "error" else "yellow"
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text.assemble((found.code, "bold"), " ", (found.severity, color), " ", (found.summary, "bold")))
    console.print(f"\n{found.explanation()}", markup=False)
    for title, example, style in (("Bad", found.bad, "red"), ("Good", found.good, "green")):
        console.print(f"\n{title}:", style=f"bold {style}")
        console.print("\n".join(f"    {line}".rstrip() for line in lines(example)), markup=False)
    if found.source:
        console.print(f"\nSource: {found.source}", markup=False)
