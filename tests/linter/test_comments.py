"""`# gudspec: ignore[CODE]`: what is silenced, what is left, and what is a comment at all."""

from pathlib import Path

import pytest

from gudspec.cli.checked import checked
from gudspec.linter.check import check, examine, lint
from gudspec.linter.files import sources
from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import reads

BEGIN = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"
SHORT = "train: {steps: 500, ema: 0.999}"  # GUD230
LEVELS = "design: {basis: {kind: haar, levels: 5}}"  # GUD201, an error


def found(text: str, *overrides: str) -> list[tuple[str, int, int]]:
    return [(one.code, *one.span.start) for one in check(reads(BEGIN + text, overrides))]


def test_a_comment_silences_the_codes_that_it_names_on_its_line() -> None:
    assert found(SHORT) == [("GUD230", 4, 26)]
    assert found(f"{SHORT}  # gudspec: ignore[GUD230]") == []
    assert found(f"{SHORT}  #gudspec:ignore[ GUD230 ] short on purpose") == []
    assert found(f"{SHORT}  # todo # gudspec: ignore[GUD230]") == []
    assert found(f"# gudspec: ignore[GUD230]\n{SHORT}") == [("GUD016", 4, 1), ("GUD230", 5, 26)]


def test_several_codes_silence_several_findings() -> None:
    both = "train: {steps: 500, ema: 0.999, optimizer: {kind: adam, warmup: 600}}"
    assert [code for code, *_ in found(both)] == ["GUD230", "GUD231"]
    assert found(f"{both}  # gudspec: ignore[GUD230, GUD231]") == []
    assert [code for code, *_ in found(f"{both}  # gudspec: ignore[GUD231]")] == ["GUD230"]


def test_what_silences_nothing_is_a_finding_that_can_be_fixed() -> None:
    (one,) = check(reads(f"{BEGIN}seed: 3  # gudspec: ignore[GUD230, GUD231] why\n"))
    assert (one.code, one.severity, one.certain, one.suggestion) == ("GUD016", "warning", True, "")
    assert (one.span.start, one.span.end) == ((4, 8), (4, 47))  # the comment as a whole, with its blanks
    (one,) = check(reads(f"{BEGIN}{SHORT}  # gudspec: ignore[GUD230, GUD231]\n"))
    assert one.span.source.line(4)[one.span.start.column - 1 : one.span.end.column - 1] == ", GUD231"
    (one,) = check(reads(f"{BEGIN}{SHORT}  # gudspec: ignore[GUD231, GUD230]\n"))
    assert one.span.source.line(4)[one.span.start.column - 1 : one.span.end.column - 1] == "GUD231, "


def test_what_an_override_changes_does_not_make_a_comment_unused() -> None:
    assert found(f"{SHORT}  # gudspec: ignore[GUD230]", "train.steps=100000") == []


def test_a_rule_that_could_not_be_checked_does_not_make_a_comment_unused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gudspec.linter.unchecked import unchecked

    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path))
    document = reads(BEGIN)
    code = unchecked(document)[0]
    assert found(f"seed: 3  # gudspec: ignore[{code}]") == []


@pytest.mark.parametrize(
    ("comment", "code", "suggestion"),
    [
        ("# gudspec: ignore[GUD23O]", "GUD017", "GUD230"),
        ("# gudspec: ignore[GUD104]", "GUD017", None),  # known, but not a rule
        ("# gudspec: ignore[GUD2]", "GUD017", None),
        ("# gudspec: ignore", "GUD017", None),
        ("# gudspec: ignore[]", "GUD017", None),
        ("# gudspec: ignore(GUD230)", "GUD017", None),
    ],
)
def test_a_comment_that_names_no_rule_is_a_finding(comment: str, code: str, suggestion: str | None) -> None:
    (one,) = check(reads(f"{BEGIN}seed: 3  {comment}\n"))
    assert (one.code, one.span.start.line, one.suggestion) == (code, 4, suggestion)


@pytest.mark.parametrize(
    "text",
    [
        'data: {source: {kind: folder, root: "a # gudspec: ignore[GUD230]"}}',
        "data: {source: {kind: folder, root: 'a # gudspec: ignore[GUD230]'}}",
        "data:\n  source:\n    kind: folder\n    root: |\n      # gudspec: ignore[GUD230]\n",
        "data: {source: {kind: folder, root: a#gudspec:ignore}}",
    ],
)
def test_text_that_looks_like_a_comment_is_none(text: str) -> None:
    document = reads(f"gudspec: 1\nname: example\n{text}\n")
    assert {one.code for one in check(document)} <= {"GUD404"}


def test_a_comment_may_follow_the_head_of_a_block_scalar() -> None:
    text = "gudspec: 1\nname: a\ndata:\n  source:\n    kind: folder\n    root: |-  # gudspec: ignore[GUD404]\n      x\n"
    assert check(reads(text)) == []


def test_what_keeps_a_spec_from_being_read_cannot_be_ignored() -> None:
    with pytest.raises(SpecError) as error:
        reads(f"{BEGIN}sed: 3  # gudspec: ignore[GUD104]\n")
    assert [one.code for one in error.value.diagnostics] == ["GUD104"]


def test_a_run_accepts_what_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"{BEGIN}{LEVELS}\n")
    with pytest.raises(SpecError, match="GUD201"):
        checked(path, None)
    path.write_text(f"{BEGIN}{LEVELS}  # gudspec: ignore[GUD201]\n")
    checked(path, None)


def test_a_comment_in_a_base_counts_for_the_specs_that_extend_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(f"{BEGIN}train: {{steps: 9000, ema: 0.999}}  # gudspec: ignore[GUD230]\n")
    (tmp_path / "short.yaml").write_text("extends: base.yaml\ntrain: {steps: 100}\n")
    assert lint(tmp_path / "short.yaml") == []
    assert [one.code for one in lint(tmp_path / "base.yaml")] == ["GUD016"]
    assert lint(tmp_path) == []  # seen together, it is used


def test_what_is_ignored_is_remembered() -> None:
    report = examine([*sources([]), (reads(f"{BEGIN}{SHORT}  # gudspec: ignore[GUD230]").source, None)])
    assert (report.findings, [one.code for one in report.ignored]) == ((), ["GUD230"])
