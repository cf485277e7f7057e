"""What must hold of every text that is given to the linter."""

from __future__ import annotations

import json
import re
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree

import numpy as np
import pytest

from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.check import Report, examine
from gudspec.linter.files import sources
from gudspec.linter.formats import FORMATS, formatted
from gudspec.spec.diagnostics import Mark, Span, in_order
from gudspec.spec.models import Experiment
from gudspec.spec.models.orderings import FileOrdering
from gudspec.spec.models.priors import FilePrior
from gudspec.spec.sources import shape
from tests.fuzz.cases import Case

__all__ = ["SLOWEST", "Verdict", "examined", "knowing"]

SLOWEST = 2.0
"""Seconds that a case may take."""
_HANGS = 20
"""Seconds after which a case is given up."""
_CODES = {description.code for description in CATALOGUE}


@dataclass(frozen=True)
class Verdict:
    """What came of a case."""

    seconds: float
    report: Report | None
    wrong: tuple[str, ...]
    """Laws that are broken; the first line of each tells which."""

    @property
    def clean(self) -> bool:
        return self.report is not None and not self.report.errors


def examined(case: Case, gallery: Path) -> Verdict:
    """Lints a case.

    Args:
        case: the case.
        gallery: a folder with a copy of the gallery, in which the case replaces a spec.
    """
    file = gallery / case.base
    before = file.read_bytes()
    file.write_bytes(case.text)
    try:
        with knowing(case.seed if case.known else None), _no_longer_than(_HANGS):
            start = time.perf_counter()
            report = examine(sources([file]), case.overrides)
            seconds = time.perf_counter() - start
            wrong = list(_wrong(report))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"raises {type(error).__name__} in {Path(where.filename).name}:{where.name}\n{traceback.format_exc()}"
        return Verdict(time.perf_counter() - start, None, (told,))
    finally:
        file.write_bytes(before)
    if seconds > SLOWEST:
        wrong.append(f"slow\nit takes {seconds:.1f} s")
    return Verdict(seconds, report, tuple(wrong))


def _wrong(report: Report) -> Iterator[str]:
    findings = report.findings
    for found in findings:
        if found.code not in _CODES:
            yield f"unknown code {found.code}"
        if told := _misplaced(found.span):
            yield f"misplaced {found.code}\n{told}: {found.span.start} to {found.span.end}\n{found}"
        if found.certain and found.suggestion is None:
            yield f"certain of nothing, {found.code}\n{found}"
        if len(found.message) > 1000:
            yield f"long message {found.code}\n{found.message[:2000]}"
    if len(set(findings)) < len(findings):
        yield "twice\n" + "\n".join(map(str, findings))
    own = next((found.span.source for found in findings if found.span.source in report.sources), None)
    if own and list(findings) != in_order(own, findings):
        yield "out of order\n" + "\n".join(map(str, findings))
    for name in FORMATS:
        text = formatted(report, name)  # type: ignore[arg-type]
        text.encode()
        if name in ("json", "sarif"):
            json.loads(text)
        elif name == "junit":
            ElementTree.fromstring(text)
        elif name in ("text", "concise") and re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text):
            yield f"control character in format {name}\n{text!r}"
        if name == "concise" and len(text.splitlines()) != len(findings):
            yield f"{len(findings)} findings on {len(text.splitlines())} lines\n{text!r}"


def _misplaced(span: Span) -> str:
    """Why a span is not a stretch of its source."""
    lines = span.source.text.splitlines() or [""]
    if span.source.text.endswith(("\n", "\r")):
        lines.append("")

    def inside(mark: Mark) -> bool:
        return 1 <= mark.line <= len(lines) and 1 <= mark.column <= len(lines[mark.line - 1]) + 1

    if span.start > span.end:
        return "ends before it starts"
    return "" if inside(span.start) and inside(span.end) else "outside of the text"


@contextmanager
def _no_longer_than(seconds: float) -> Iterator[None]:
    def give_up(signal: int, frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# ── statistics ──────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def knowing(seed: int | None) -> Iterator[None]:
    """Meanwhile the linter finds statistics of all data in its cache, or (with None) of no data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gudspec.known.glance", lambda experiment, names: _known(experiment, seed))
        yield


def _known(experiment: Experiment, seed: int | None) -> dict[str, object] | None:
    """Plausible statistics: what the linter would take from the cache after a run."""
    if seed is None:
        return None
    from gudspec.program.layout import Layout

    image = shape(experiment.data.source) or (16, 16, 3)
    if np.prod(image) > 2**18:
        return None
    rng = np.random.default_rng(seed)
    design = experiment.design
    groups = Layout(design.basis, image).groups
    variance = groups.pooled(np.exp(rng.normal(-3.0, rng.uniform(0.1, 2.0), image)))
    ordered = isinstance(getattr(design.schedule, "ordering", None), FileOrdering)
    return {
        "variance": variance.astype(np.float32),
        "extremes": np.array([0.5 * variance.min(), 2 * variance.max()], np.float32),
        "scale": np.sqrt(variance).astype(np.float32) if isinstance(design.prior, FilePrior) else np.zeros(0),
        "order": groups.pooled(rng.normal(size=image)) if ordered else np.zeros(0),
    }
