"""A sample of `make fuzz`, and that the fuzzer would see what it is looking for."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from gudspec.linter.check import check
from gudspec.spec.diagnostics import Diagnostic, Mark, Span
from gudspec.spec.load import reads
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump
from tests.fuzz import oracle
from tests.fuzz.cases import gentle, rough
from tests.fuzz.law import crooked
from tests.fuzz.minimal import minimal
from tests.fuzz.session import Session
from tests.spec.strategies import experiments


def test_torn_specs_get_diagnostics_and_nothing_else(tmp_path: Path) -> None:
    session = Session.start(None, tmp_path)
    for seed in range(300):
        session.lint("rough" if seed % 10 else "gentle", seed)
    assert not session.failures, session.summary()
    assert len(session.codes) > 25, "the cases have become dull"
    assert session.clean > 20


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(experiments())
def test_valid_specs_get_diagnostics_and_nothing_else(experiment: Experiment) -> None:
    document = reads(dump(experiment))
    if not any(one.severity == "error" for one in check(document)):
        assert crooked(document) is None


@pytest.mark.slow
def test_clean_specs_compile(tmp_path: Path) -> None:
    """A sample of as many as fit into a minute, but twenty at least."""
    session = Session.start(None, tmp_path)
    stop = time.monotonic() + 50
    for seed in range(100_000):
        case, verdict = session.lint("gentle", seed)
        if verdict.clean:
            session.trace("gentle", case)
        if session.traced >= 20 and time.monotonic() > stop:
            break
    assert not session.failures, session.summary()


def test_a_clean_spec_that_does_not_trace_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gudspec.program.abstract.trace", lambda experiment: 1 / 0)
    session = Session.start(None, tmp_path)
    for seed in range(100):
        case, verdict = session.lint("gentle", seed)
        if verdict.clean and session.trace("gentle", case):
            break
    assert any(told.startswith("does not compile: ZeroDivisionError") for told in session.failures)


# ── the fuzzer itself ───────────────────────────────────────────────────────────────────────────────


def test_a_seed_alone_decides() -> None:
    assert [rough(seed) for seed in range(30)] == [rough(seed) for seed in range(30)]
    assert [gentle(seed) for seed in range(30)] == [gentle(seed) for seed in range(30)]
    assert len({rough(seed).text for seed in range(100)}) > 90


@pytest.mark.parametrize(
    ("changed", "law"),
    [
        (lambda found: Diagnostic("GUD999", found.message, found.span), "unknown code GUD999"),
        (lambda found: Diagnostic(found.code, "x", Span(found.span.source, Mark(1, 1), Mark(999, 1))), "misplaced"),
        (lambda found: 1 / 0, "raises ZeroDivisionError"),
    ],
    ids=["code", "place", "exception"],
)
def test_broken_laws_are_seen(changed, law: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    real = oracle.examine

    def examine(*arguments):  # type: ignore[no-untyped-def]
        report = real(*arguments)
        return type(report)(report.sources, tuple(map(changed, report.findings)), report.ignored, report.unchecked)

    monkeypatch.setattr(oracle, "examine", examine)
    session = Session.start(None, tmp_path)
    for seed in range(1, 10):
        session.lint("rough", seed)
    assert any(told.startswith(law) for told in session.failures), session.summary()


def test_a_minimal_case_is_small_and_fails() -> None:
    case = rough(3)
    small = minimal(case, lambda other: b"kind" in other.text and len(other.text.splitlines()) >= 2)
    assert b"kind" in small.text
    assert len(small.text) <= 6
