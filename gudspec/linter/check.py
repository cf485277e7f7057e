"""Linting: read specs, put every rule to them, and list what is found."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gudspec.linter import (
    autoencoder,
    cost,
    design,
    dropping,
    ends,
    evaluation,
    groups,
    ineffective,
    launching,
    objective,
    region,
    samplers,
    schedules,
    stage,
    surroundings,
    tasks,
    training,
)
from gudspec.linter.comments import Sifted, sift
from gudspec.linter.deep.descriptions import DESCRIPTIONS as DEEP
from gudspec.linter.files import sources
from gudspec.linter.rule import Rule
from gudspec.spec.diagnostics import Diagnostic, Source, Span, in_order
from gudspec.spec.load import Document, attempt

if TYPE_CHECKING:
    from gudspec.linter.deep.report import Costs

__all__ = ["RULES", "SILENT", "Report", "check", "examine", "line_of", "lint", "rules_for"]

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            rule()
            for rule in (
                *design.RULES,
                *groups.RULES,
                *ends.RULES,
                *schedules.RULES,
                *objective.RULES,
                *evaluation.RULES,
                *samplers.RULES,
                *training.RULES,
                *ineffective.RULES,
                *cost.RULES,
                *launching.RULES,
                *surroundings.RULES,
                *tasks.RULES,
                *region.RULES,
                *autoencoder.RULES,
                *dropping.RULES,
                *stage.RULES,
            )
        ),
        key=lambda rule: rule.code,
    )
)
"""Every rule, by code."""

_OF_AUTOENCODERS: tuple[type[Rule], ...] = (
    *autoencoder.RULES,
    *launching.RULES,
    *surroundings.RULES,
    evaluation.Dequantized,
    evaluation.Validation,
    training.EmaHorizon,
    training.Warmup,
    training.BatchOfAll,
    training.LearningRate,
    training.SamePhase,
    training.NoDecay,
    training.Moments,
    training.NoLog,
    cost.CheckpointOften,
    cost.MeshBatch,
    cost.Parts,
)
"""Rules that say something of an autoencoder: the others are about noise."""

SILENT: frozenset[str] = frozenset({rule.code for rule in RULES} | {description.code for description in DEEP})
"""Codes that comments and settings can silence: a text without a meaning has none with a comment either."""


@dataclass(frozen=True, slots=True)
class Report:
    """What is found in some specs."""

    sources: tuple[Source, ...]
    """Every spec that was looked at."""
    findings: tuple[Diagnostic, ...]
    """The problems, file by file in the order of the paths, by position in each."""
    ignored: tuple[Diagnostic, ...] = ()
    """What comments silence."""
    unchecked: tuple[tuple[Source, tuple[str, ...]], ...] = ()
    """Rules that could not be put to a spec because the statistics of its data are not known yet."""
    costs: tuple["Costs", ...] = ()
    """What the programs of the specs cost, of a deep lint."""

    @property
    def errors(self) -> int:
        """How many findings keep a spec from running."""
        return sum(one.severity == "error" for one in self.findings)

    @property
    def unreadable(self) -> bool:
        """Whether a path could not be read."""
        return any(one.code == "GUD001" for one in self.findings)


def lint(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], overrides: Iterable[str] = ()
) -> list[Diagnostic]:
    """Everything that is wrong with some specs.

    Args:
        paths: files, or folders in which every `.yaml` and `.yml` is a spec.
        overrides: `path.to.key=value` each, applied to every spec.

    Returns:
        The problems, file by file in the order of the paths, by position in each. Empty if all is well.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else paths
    return list(examine(sources(paths), tuple(overrides)).findings)


def examine(
    given: Iterable[tuple[Source, Diagnostic | None]],
    overrides: tuple[str, ...] = (),
    wanted: Callable[[Diagnostic], bool] = lambda found: True,
    deeper: Callable[[Document], "Costs"] | None = None,
) -> Report:
    """Lints some texts.

    Args:
        given: the texts, or why they cannot be read, as `gudspec.linter.files.sources` finds them.
        overrides: `path.to.key=value` each, applied to every spec.
        wanted: which findings of rules are wanted; errors that keep a spec from being read always are.
        deeper: the deep lint, for specs without errors.
    """
    seen: list[Source] = []
    found: list[Diagnostic] = []
    ignored: list[Diagnostic] = []
    elsewhere: set[tuple[str, int]] = set()
    open_questions: list[tuple[Source, tuple[str, ...]]] = []
    costs: list[Costs] = []
    for source, unreadable in given:
        seen.append(source)
        if unreadable:
            found.append(unreadable)
            continue
        document, problems = attempt(source, overrides)
        if document is None:
            found.extend(problems)
            continue
        sifted = _sifted(document)
        if deeper and not problems and not any(one.severity == "error" for one in sifted.findings):
            costs.append(deeper(document))
            sifted = _sifted(document, costs[-1].diagnostics)
        of_rules = (one for one in sifted.findings if wanted(one))
        found.extend(in_order(document.source, [*problems, *of_rules]))
        ignored.extend(sifted.ignored)
        elsewhere |= {line_of(one) for one in sifted.ignored if one.span.source is not document.source}
        if not problems and (codes := _unchecked(document, wanted)):
            open_questions.append((source, codes))
    # A comment may be there for the sake of a spec that extends its file.
    findings = [one for one in found if one.code != "GUD016" or line_of(one) not in elsewhere]
    return Report(tuple(seen), _once(findings), _once(ignored), tuple(open_questions), tuple(costs))


def check(document: Document) -> list[Diagnostic]:
    """What the rules find in a spec that could be read, by position; without what its comments ignore.

    Args:
        document: a spec as `gudspec.spec.load.read` returns it.
    """
    return in_order(document.source, _sifted(document).findings)


def rules_for(document: Document) -> tuple[Rule, ...]:
    """The rules that have something to say of a spec."""
    if not autoencoder.is_autoencoder(document.experiment):
        return RULES
    return tuple(rule for rule in RULES if isinstance(rule, _OF_AUTOENCODERS))


def _sifted(document: Document, more: Iterable[Diagnostic] = ()) -> Sifted:
    found = (one for rule in rules_for(document) for one in rule.diagnostics(document))
    return sift(document, [*found, *more], SILENT)


def _unchecked(document: Document, wanted: Callable[[Diagnostic], bool]) -> tuple[str, ...]:
    from gudspec.linter.unchecked import unchecked  # which asks RULES

    return tuple(code for code in unchecked(document) if wanted(Diagnostic(code, "", Span(document.source))))


def line_of(found: Diagnostic) -> tuple[str, int]:
    """The line of a finding, by whatever path its file was reached."""
    return os.path.realpath(found.span.file), found.span.start.line


def _once(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Specs that extend the same file share its problems."""
    unique: dict[tuple[str, Span, str], Diagnostic] = {}
    for one in found:
        unique.setdefault((one.code, one.span, one.message), one)
    return tuple(unique.values())
