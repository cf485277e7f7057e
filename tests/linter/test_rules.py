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


SPATIAL = {
    "pixel": "{kind: pixel}", "pca": "{kind: pca}", "mixed": "{kind: pca, colors: mixed}", "fourier": "{kind: fourier}",
    "dct": "{kind: dct}", "haar": "{kind: haar}", "matrix": "{kind: matrix, path: u.npy}",
}  # fmt: skip
BASES = SPATIAL | {f"color-{name}": f"{{kind: color, spatial: {SPATIAL[name]}}}" for name in SPATIAL if name != "mixed"}
ORDERINGS = [
    "neg_log_variance",
    "frequency",
    "mixture",
    "column",
    "row",
    "patch",
    "level",
    "random",
    "file, path: l.npy",
]
SCHEDULES = [
    "linear", "vp", "cosine", "soft_linear", "sequential", "hierarchical", "hierarchical, separate_low: true",
    *(f"{kind}, ordering: {{kind: {one}}}" for kind in ("soft_linear", "sequential") for one in ORDERINGS),
    "sequential, ordering: {kind: random, colors: separate}", "sequential, ordering: {kind: patch, size: 1}",
    "ddpm", "edm", "ve", "rg_cutoff", "blurring", "fdm_blur", "dvdp", "fdm, turning: [0.1, 0.3, 0.5]", "subspace, turning: [0.2, 0.7]",
    *(f"{kind}, by: {by}" for kind in ("knots",) for by in ("scalar", "columns", "rows", "levels")),
]  # fmt: skip
TOKENS = ["groups", "scalar", "components", "columns", "rows", "levels", "level_columns"]
COLORFUL = "{source: {kind: gaussian_field, size: 8, channels: 3}}"


@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_tokens_are_accepted_exactly_where_gamma_is_constant_on_them(basis: str, schedule: str) -> None:
    """The rule and the compiler, which compares the partitions themselves, must agree."""
    from gudspec.program.design import Design

    design = f"{{basis: {BASES[basis]}, schedule: {{kind: {schedule}}}}}"
    kind = basis.removeprefix("color-")
    needed = {"columns": "pixel", "rows": "pixel", "levels": "haar", "level_columns": "haar"}
    part = f"{{data: {COLORFUL}, design: {design}, network: {{kind: unet, conditioning: TOKENS}}}}"
    if {one.code for one in found(part.replace("TOKENS", "groups"))} & {"GUD203", "GUD204"}:
        return
    compiled = Design(loads(f"{BEGIN}\ndesign: {design}").design, (8, 8, 3))
    for tokens in TOKENS:
        codes = [one.code for one in found(part.replace("TOKENS", tokens))]
        fits = needed.get(tokens, kind) == kind and compiled.tokens(tokens).refines(compiled.groups)
        assert codes == ([] if fits else ["GUD205"]), tokens


@pytest.mark.parametrize("basis", BASES)
def test_orderings_and_priors_are_accepted_exactly_where_they_are_defined(basis: str) -> None:
    """The rules and the compiler agree on what a component of each basis has."""
    from gudspec.program.layout import Layout

    layout = Layout(loads(f"{BEGIN}\ndesign: {{basis: {BASES[basis]}}}").design.basis, (8, 8, 3))
    has_frequencies, has_levels, has_places = layout.frequencies is not None, layout.haar_levels > 0, "pixel" in basis
    defined = {"frequency": has_frequencies, "mixture": has_frequencies, "level": has_levels}
    defined |= dict.fromkeys(("column", "row", "patch"), has_places)
    for ordering in ORDERINGS:
        design = f"{{basis: {BASES[basis]}, schedule: {{kind: soft_linear, ordering: {{kind: {ordering}}}}}}}"
        codes = [one.code for one in found(f"{{data: {COLORFUL}, design: {design}}}")]
        assert codes == ([] if defined.get(ordering, True) else ["GUD203"]), ordering
    prior = f"{{data: {COLORFUL}, design: {{basis: {BASES[basis]}, prior: {{kind: power_law}}}}}}"
    assert [one.code for one in found(prior)] == ([] if has_frequencies else ["GUD209"])


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
