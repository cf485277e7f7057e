"""`gudspec fmt`."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["fmt"]


def fmt(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATHS]...", help="Specs, folders of specs, or - for stdin; as for lint if left out."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print what would change, and exit 1.")] = False,
) -> None:
    """Lay specs out in the canonical order and spacing; comments and the values as written are kept.

    Exits 0 when done, 1 if `--check` or `--diff` found something to change, and 2 if a file cannot be parsed.
    """
    from gudspec.formatter.format import format_text
    from gudspec.linter.config import settings
    from gudspec.linter.files import STDIN, sources
    from gudspec.linter.fixes import difference, save
    from gudspec.spec.diagnostics import Diagnostic, Source, Span, SpecError, render

    project = settings(Path.cwd())
    given = paths or [project.root / path for path in project.paths]
    looking = check or diff
    changed, unchanged, problems = 0, 0, list[Diagnostic]()
    for source, unreadable in sources(given, project.excluded):
        try:
            if unreadable:
                raise SpecError([unreadable])
            after = Source(source.name, format_text(source.text, name=source.name))
            if source.name == STDIN and not looking:
                typer.echo(after.text, nl=False)
            elif after != source and not looking:
                save(after)
        except SpecError as error:
            problems.extend(error.diagnostics)
            continue
        except OSError as error:
            problems.append(Diagnostic("GUD001", f"cannot write the spec: {error.strerror}", Span(source)))
            continue
        unchanged += after == source
        changed += after != source
        if after != source and diff:
            typer.echo(difference(source, after), nl=False)
        elif after != source and source.name != STDIN:
            typer.echo(f"{'would reformat' if check else 'reformatted'} {source.name}", err=True)
    if problems:
        typer.echo(render(problems), err=True)
    if list(map(str, given)) != ["-"]:
        done = "would be reformatted" if looking else "reformatted"
        typer.echo(f"{_files(changed)} {done}, {_files(unchanged)} left unchanged", err=True)
    raise typer.Exit(2 if problems else 1 if changed and looking else 0)


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"
