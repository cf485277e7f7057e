"""`gudspec lint`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gudspec.cli.options import Overrides
from gudspec.cli.together import MeshShape, mesh_overrides

if TYPE_CHECKING:
    from gudspec.linter.check import Report
    from gudspec.linter.config import Settings
    from gudspec.linter.deep.report import Costs
    from gudspec.spec.diagnostics import Diagnostic, Source
    from gudspec.spec.load import Document

__all__ = ["lint"]

Format = Literal["text", "concise", "json", "github", "sarif", "junit"]


def lint(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATHS", help="Specs, folders of specs, or - for stdin.")
    ] = None,
    format: Annotated[Format, typer.Option("--format", help="For people (text, concise) or for machines.")] = "text",
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="CODES", help="Only these: codes or prefixes, e.g. GUD2,GUD301; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="CODES", help="Not these; where both fit, the longer prefix wins."),
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Apply the suggestions that are certain.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Write nothing; print what --fix would change.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Rules that could not be checked count as findings.")
    ] = False,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count findings by code.")] = False,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also trace every program: shapes, memory, time. Takes seconds a spec.")
    ] = False,
    devices: Annotated[
        int | None, typer.Option("--devices", metavar="N", min=1, help="How many devices, with --deep.")
    ] = None,
    mesh: MeshShape = None,
    accelerator: Annotated[
        str | None, typer.Option("--accelerator", metavar="NAME", help="Which devices: v5e, h100, …; with --deep.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", metavar="SLICE", help="Compile for a TPU slice, e.g. v5e:4x4, with --deep."),
    ] = None,
    overrides: Overrides = None,
) -> None:
    """Check specs without running anything.

    Without PATHS those of the table tool.gudspec in pyproject.toml are checked, or else the working directory. With
    --deep, the programs of specs without errors are traced on shapes alone, for any devices, and none is needed.

    Exits 0 if all is well, 1 with findings, be they errors or warnings, and 2 if a path or a setting cannot be used.
    """
    _hurry()
    from gudspec.linter.check import examine
    from gudspec.linter.files import sources

    if statistics and format != "text":
        raise typer.BadParameter("counts are written as text only", param_hint="--statistics")
    deeper = _deeper(deep, devices, accelerator, target)
    changes = (*(overrides or ()), *mesh_overrides(mesh))
    configured = _settings(paths)
    wanted = _wanted(configured, select, ignore)
    given = list(sources(paths or _configured_paths(configured), configured.excluded))
    fixes = 0
    if fix or diff:
        given, fixes = _fix(given, changes, wanted, write=not diff)
    report = examine(given, changes, wanted, None if diff else deeper)
    if diff:
        _diffed(report, fixes)
    # The fixed text of `-` is what goes to stdout.
    _write(report, format, statistics=statistics, err=fix and "-" in (paths or ()))
    _summarize(report, fixes)
    missed = bool(report.unchecked) and (strict or configured.strict)
    raise typer.Exit(2 if report.unreadable else 1 if report.findings or missed else 0)


def _hurry() -> None:
    """Saves a sixth of the time of a cold lint, which mostly imports: there is little garbage and no linear algebra."""
    import gc
    import os

    gc.set_threshold(100_000, 20, 20)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _settings(paths: list[str] | None) -> Settings:
    from pathlib import Path

    from gudspec.linter.config import settings

    return settings(Path(next((path for path in paths or () if path != "-"), ".")))


def _configured_paths(configured: Settings) -> list[str]:
    import os

    return [os.path.relpath(configured.root / path) for path in configured.paths]


def _wanted(configured: Settings, select: list[str] | None, ignore: list[str] | None) -> Callable[[Diagnostic], bool]:
    from gudspec.linter.selection import Selection, listed, problems_of
    from gudspec.spec.diagnostics import SpecError

    selected, ignored = listed("--select", select or ()), listed("--ignore", ignore or ())
    problems = problems_of(selected, ignoring=False) + problems_of(ignored, ignoring=True)
    if problems:
        raise SpecError(problems)
    selection = Selection(
        tuple(word for word, _ in selected) or configured.select,
        tuple(word for word, _ in ignored) or configured.ignore,
    )
    return lambda found: selection.wants(found.code) and not configured.ignored(found)


def _deeper(
    deep: bool, devices: int | None, accelerator: str | None, target: str | None
) -> Callable[[Document], Costs] | None:
    """What looks deeper into a spec; None without `--deep`."""
    for name, value in (("--devices", devices), ("--accelerator", accelerator), ("--target", target)):
        if value is not None and not deep:
            raise typer.BadParameter("means something with --deep only", param_hint=name)
    if not deep:
        return None
    import os
    from functools import partial

    os.environ["JAX_PLATFORMS"] = "cpu"  # accelerators are left to those who train on them
    from gudspec.linter.deep.main import deep as look_deeper

    return partial(
        look_deeper,
        devices=devices,
        target=target,
        accelerator=accelerator,
        say=lambda line: typer.echo(line, err=True),
    )


Given = list[tuple["Source", "Diagnostic | None"]]


def _fix(
    given: Given, overrides: tuple[str, ...], wanted: Callable[[Diagnostic], bool], *, write: bool
) -> tuple[Given, int]:
    """Fixes what can be read; writes it, or prints how it differs."""
    from gudspec.errors import Refused
    from gudspec.linter.check import examine, line_of
    from gudspec.linter.files import STDIN
    from gudspec.linter.fixes import difference, fixed, save

    # What a file alone would call unused may be there for the sake of another that extends it.
    unused = {line_of(one) for one in examine(given, overrides, wanted).findings if one.code == "GUD016"}

    def fixable(found: Diagnostic) -> bool:
        return wanted(found) and (found.code != "GUD016" or line_of(found) in unused)

    after, total = [], 0
    for source, unreadable in given:
        better, count = (source, 0) if unreadable else fixed(source, overrides, fixable)
        total += count
        after.append((better, unreadable))
        if not write:
            typer.echo(difference(source, better), nl=False)
        elif source.name == STDIN:
            typer.echo(better.text, nl=False)
        elif count:
            try:
                save(better)
            except OSError as error:
                raise Refused(f"error: cannot write {source.name}: {error.strerror or error}") from None
    return after, total


def _diffed(report: Report, fixes: int) -> None:
    """Ends `--diff`, whose only answer is the difference."""
    from gudspec.spec.diagnostics import render

    if report.unreadable:
        typer.echo(render(one for one in report.findings if one.code == "GUD001"), err=True)
        raise typer.Exit(2)
    if fixes:
        typer.echo(f"{_count(fixes, 'problem')} would be fixed", err=True)
    raise typer.Exit(1 if fixes else 0)


def _write(report: Report, format: Format, *, statistics: bool, err: bool) -> None:
    from gudspec.linter.formats import formatted

    text = _statistics(report) if statistics else formatted(report, format)
    if text:
        typer.echo(text, err=err)


def _statistics(report: Report) -> str:
    from gudspec.linter.catalogue import CATALOGUE

    summaries = {description.code: description.summary for description in CATALOGUE}
    counts = Counter((one.code, one.severity) for one in report.findings).most_common()
    return "\n".join(f"{count:>5}  {code}  {severity:<7}  {summaries[code]}" for (code, severity), count in counts)


def _summarize(report: Report, fixes: int) -> None:
    """What the findings do not say, on stderr."""
    if report.unchecked:
        files = [source.name for source, _ in report.unchecked]
        codes = sorted({code for _, codes in report.unchecked for code in codes})
        shown = files[0] if len(files) == 1 else f"{len(files)} specs"
        typer.echo(
            f"{shown}: {', '.join(codes)} not checked, for want of the data's statistics; `gudspec verify` or a run "
            "leaves them behind",
            err=True,
        )
    left = [
        _count(report.errors, "error"),
        _count(len(report.findings) - report.errors, "warning"),
        *([f"{_count(fixes, 'problem')} fixed"] if fixes else []),
    ]
    if report.findings or fixes:
        certain = sum(one.certain and not one.span.file.startswith("-") for one in report.findings)
        hint = f"; {_count(certain, 'problem')} can be fixed by --fix" if certain else ""
        typer.echo(f"\n{', '.join(left)}{hint}", err=True)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
