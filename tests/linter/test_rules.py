# ruff: noqa: E501 (a table reads best with one case a line)
import re
from pathlib import Path

import pytest
import yaml

from gudspec.linter.check import RULES, check, lint
from gudspec.linter.rule import Rule
from gudspec.spec.diagnostics import Diagnostic, render
from gudspec.spec.load import loads, reads

GOLDEN = Path(__file__).parent / "golden"
BEGIN = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}"


def found(part: str) -> list[Diagnostic]:
    """What the linter finds in part of a spec, completed with what every spec needs."""
    given = yaml.safe_load(part)
    spec = {"gudspec": 1, "name": "example", **given, "data": {"source": {"kind": "digits"}, **given.get("data", {})}}
    return check(reads(yaml.safe_dump(spec)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_rule_explains_itself_and_its_examples_are_true(rule: Rule) -> None:
    assert re.fullmatch(r"GUD[2-4]\d\d", rule.code)
    assert rule.summary
    assert rule.explanation()
    assert [one.code for one in found(rule.bad)] == [rule.code]
    assert found(rule.good) == []


def test_codes_are_unique_and_in_order() -> None:
    codes = [rule.code for rule in RULES]
    assert codes == sorted(set(codes))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_golden_findings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    assert render(lint(path.name)) + "\n" == path.with_suffix(".out").read_text(encoding="utf-8")


def test_there_is_a_golden_pair_for_every_rule() -> None:
    assert {rule.code for rule in RULES} <= {path.stem for path in GOLDEN.glob("*.yaml")}


# ── one problem is reported once ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("part", "codes"),
    [
        # A schedule in the wrong basis has no tokens to speak of.
        ("{design: {schedule: {kind: hierarchical}}, network: {kind: unet, conditioning: level_columns}}", ["GUD204"]),
        ("{design: {basis: {kind: pca}, schedule: {kind: sequential}}, network: {kind: unet, conditioning: columns}}", ["GUD203"]),
        # What is impossible is not also untrained.
        ("{design: {schedule: {kind: sequential}}, sample: [{name: a, at: {design.schedule.inverse_softness: 2}}]}", ["GUD223"]),
        ("sample: [{name: a, at: {design.schedule.gamma: 2}}]", ["GUD221"]),
        # One source of an error, several evaluations that suffer.
        ("{data: {dequantize: none}, evaluate: [{name: a, kind: bound}, {name: b, kind: likelihood}]}", ["GUD220"]),
        ("{data: {dequantize: none, source: {kind: gaussian_field}}, evaluate: [{name: a, kind: bound}]}", []),
    ],
)  # fmt: skip
def test_nothing_is_caused_by_another_finding(part: str, codes: list[str]) -> None:
    assert [one.code for one in found(part)] == codes


@pytest.mark.parametrize("tokens", ["groups", "scalar", "components", "columns", "rows", "levels", "level_columns"])
@pytest.mark.parametrize("basis", ["pixel", "pca", "fourier", "haar"])
@pytest.mark.parametrize("schedule", ["linear", "vp", "cosine", "soft_linear", "sequential", "hierarchical"])
def test_tokens_are_accepted_exactly_where_gamma_is_constant_on_them(tokens: str, basis: str, schedule: str) -> None:
    """The rule and the compiler, which compares the partitions themselves, must agree."""
    from gudspec.program.design import Design

    design = f"{{basis: {{kind: {basis}}}, schedule: {{kind: {schedule}}}}}"
    codes = [one.code for one in found(f"{{design: {design}, network: {{kind: unet, conditioning: {tokens}}}}}")]
    if "GUD203" in codes or "GUD204" in codes:
        return
    needed = {"columns": "pixel", "rows": "pixel", "levels": "haar", "level_columns": "haar"}.get(tokens, basis)
    compiled = Design(loads(f"{BEGIN}\ndesign: {design}").design, (8, 8, 1))
    assert (not codes) == (needed == basis and compiled.tokens(tokens).refines(compiled.groups))


# ── files and folders ───────────────────────────────────────────────────────────────────────────────


def test_folders_are_searched_and_bases_are_reported_once(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "base.yml").write_text("gudspec: 1\ndata: {source: {kind: digits}}\nname: base\nsed: 3\n")
    (tmp_path / "sub/a.yaml").write_text("extends: ../base.yml\n")
    (tmp_path / "sub/b.yaml").write_text("extends: ../base.yml\nseed: -1\n")
    (tmp_path / "readme.md").write_text("no spec")
    found = [(Path(one.span.file).name, one.code) for one in lint(tmp_path)]
    assert found == [("base.yml", "GUD104"), ("b.yaml", "GUD105")]


def test_nothing_to_lint_is_a_problem(tmp_path: Path) -> None:
    assert [one.code for one in lint(tmp_path)] == ["GUD001"]
    assert [one.code for one in lint([tmp_path / "none.yaml"])] == ["GUD001"]


def test_overrides_are_linted_too(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(BEGIN)
    assert lint(path) == []
    (finding,) = lint(path, ["design.basis={kind: haar, levels: 5}"])
    assert (finding.code, finding.span.file, *finding.span.start) == ("GUD201", "--set", 1, 35)
