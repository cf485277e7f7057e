# ruff: noqa: E501 (a table reads best with one case a line)
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gudspec.linter.check import check
from gudspec.spec.diagnostics import Diagnostic, SpecError
from gudspec.spec.load import loads, reads
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump, flow
from gudspec.spec.tree import plain
from tests.spec.strategies import MINIMAL, experiments


def refused(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(SpecError) as caught:
        loads(text, name="t.yaml")
    return caught.value.diagnostics


CASES = [
    # code, what is marked, did you mean, part of the message, and the fourth line of the spec
    ("GUD101", "count: 3", None, "`name` is missing in sample.0: it must be a string", "sample:\n  - count: 3"),
    ("GUD101", "prior", None, "`kind` is missing in design.prior", "design:\n  prior: {scale: 2}"),
    ("GUD101", "inverse_softness", None, "`value` is missing", "design: {schedule: {kind: soft_linear, inverse_softness: {low: 1, high: 2}}}"),
    ("GUD102", "abc", None, "an integer in [0, 4294967296), not the string 'abc'", "seed: abc"),
    ("GUD102", "'7'", "7", "not the string '7'", "seed: '7'"),
    ("GUD102", "3e5", "300000", "not the number 300000.0", "train: {steps: 3e5}"),
    ("GUD102", "true", None, "an integer ≥ 1, not the boolean true", "train: {steps: true}"),
    ("GUD102", "yes", "true", "true or false, not the string 'yes'", "network: {kind: unet, labels: yes}"),
    ("GUD102", "train", None, "must be a mapping, not null", "train:"),
    ("GUD102", "[1]", None, "must be a mapping {data, fsdp}, not a list", "mesh: [1]"),
    ("GUD102", "{a: 1}", None, "must be a list, not a mapping", "sample: {a: 1}"),
    ("GUD102", "sample", None, "must be a list, not a mapping", "sample:\n  a: 1\n  b: 2"),
    ("GUD102", "haar", "{kind: haar}", "a mapping with `kind`: `pixel`, `pca`, `fourier`, `dct`, `haar`, `matrix` or `color`", "design: {basis: haar}"),
    ("GUD102", "fast", None, "a number or a range {low, high, value}, not the string 'fast'", "design: {schedule: {kind: soft_linear, inverse_softness: fast}}"),
    ("GUD102", "x", None, "must be a number or a list or a mapping {linspace}", "sample: [{name: a, at: {p: x}}]"),
    ("GUD102", "x", None, "`sample.0.at.p.1` must be a number, not the string 'x'", "sample: [{name: a, at: {p: [1, x]}}]"),
    ("GUD103", "fourrier", "fourier", "`design.basis.kind` must be", "design: {basis: {kind: fourrier}}"),
    ("GUD103", "exact", None, "must be `uniform` or `none`, not `exact`", "data: {dequantize: exact, source: {kind: digits}}"),
    ("GUD103", "4", None, "must be `1`, `2`, `3` or `6`, not 4", "data: {source: {kind: pcam, root: a, downscale: 4}}"),
    ("GUD104", "sed", "seed", "unknown key `sed` at the top of the spec", "sed: 1"),
    ("GUD104", "batch_size", None, "unknown key", "batch_size: 3"),
    ("GUD104", "knd", "kind", "unknown key `knd` in design.prior", "design: {prior: {knd: isotropic}}"),
    ("GUD104", "inverse_softnes", "inverse_softness", "in design.schedule (soft_linear)", "design: {schedule: {kind: soft_linear, inverse_softnes: 1}}"),
    ("GUD104", "levels", None, "unknown key `levels` in design.basis (pca)", "design: {basis: {kind: pca, levels: 3}}"),
    ("GUD104", "nme", "name", "unknown key `nme` in sample.0", "sample: [{nme: a}]"),
    ("GUD105", "-1", None, "not -1", "seed: -1"),
    ("GUD105", ".nan", None, "a number in [0, 1), not .nan", "train: {ema: .nan}"),
    ("GUD105", "-.inf", None, "not -.inf", "design: {schedule: {kind: linear, gamma: {min: -.inf}}}"),
    ("GUD105", "6", None, "divisible by 4", "network: {kind: unet, channels: 6}"),
    ("GUD106", "a b", None, "matching", "sample: [{name: a b}]"),
    ("GUD107", "[1, 2]", None, "a list of 3 (a number, a number, an integer in [1, 1000]), not of 2", "sample: [{name: a, at: {p: {linspace: [1, 2]}}}]"),
    ("GUD107", "[1, 2, 3, 4]", None, "not of 4", "sample: [{name: a, at: {p: {linspace: [1, 2, 3, 4]}}}]"),
    ("GUD120", "2", None, "`low` (2) must be below", "design: {schedule: {kind: soft_linear, inverse_softness: {low: 2, high: 1, value: 1}}}"),
    ("GUD123", "3", None, "must divide", "network: {kind: unet, heads: 3}"),
    ("GUD123", "5", None, "must divide `width` (384)", "network: {kind: dit, heads: 5}"),
    ("GUD123", "1e-3", None, "leaves the MLPs no feature", "network: {kind: dit, width: 8, heads: 2, mlp_ratio: 1e-3}"),
    ("GUD105", "6", None, "divisible by 4", "network: {kind: dit, width: 6}"),
    ("GUD213", "1", None, "γ̇ is infinite", "design: {schedule: {kind: sequential, inverse_softness: 1}}"),
    ("GUD211", "3", None, "must be below `sigma_max`", "design: {schedule: {kind: ve, sigma_min: 3, sigma_max: 2}}"),
    ("GUD214", "0.2", None, "after the one before it", "design: {schedule: {kind: dvdp, turning: [0.3, 0.2]}}"),
    ("GUD214", "0.4", None, "before the first turning", "design: {schedule: {kind: subspace, turning: [0.3], ramp: 0.4}}"),
    ("GUD214", "0.5", None, "time 3 (0.5)", "design: {schedule: {kind: knots, times: [0, 0.7, 0.5], values: [[1, 2, 3]]}}"),
    ("GUD215", "[1, 2, 3]", None, "3 values at 2 times", "design: {schedule: {kind: knots, values: [[1, 2, 3]]}}"),
    ("GUD216", "-1", None, "group 2 falls from 0 to -1", "design: {schedule: {kind: knots, values: [[0, 1], [0, -1]]}}"),
    ("GUD127", "a", None, "used twice", "sample: [{name: a}, {name: a}]"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "marked", "meant", "message", "line"), CASES)
def test_each_problem_is_reported_once_where_it_is(
    code: str, marked: str, meant: str | None, message: str, line: str
) -> None:
    base = MINIMAL if not line.startswith("data") else MINIMAL.replace("data: {source: {kind: digits}}", "seed: 0")
    (problem,) = refused(base + line + "\n")
    first, start, end = problem.span.start.line, problem.span.start.column, problem.span.end.column
    assert problem.code == code
    assert problem.span.source.line(first)[start - 1 : end - 1] == marked
    assert problem.suggestion == meant
    assert message in problem.message
    assert first >= 4


def test_all_problems_are_reported_in_order() -> None:
    text = "gudspec: 1\nnam: x\nseed: -1\ndata:\n  source: {kind: digit}\ntrain: {steps: 0, ema: 1, phases: [{steps: x}]}\n"
    assert [(p.code, *p.span.start) for p in refused(text)] == [
        ("GUD104", 2, 1),
        ("GUD105", 3, 7),
        ("GUD103", 5, 18),
        ("GUD105", 6, 16),
        ("GUD105", 6, 24),
        ("GUD101", 6, 36),
        ("GUD102", 6, 44),
    ]


def test_what_follows_from_a_reported_problem_is_not_reported() -> None:
    text = "gudspec: 1\nname: !x y\ndata: {source: {kind: *nowhere}}\nseed: ${NOWHERE}\ntrain:\n  <<: {a: 1}\n"
    with pytest.raises(SpecError) as caught:
        reads(text, environment={})
    assert [p.code for p in caught.value.diagnostics] == ["GUD009", "GUD010", "GUD013", "GUD008"]


def test_a_message_reads_like_a_compilers() -> None:
    text = MINIMAL + "design:\n  schedule:\n    kind: soft_linear\n    inverse_softnes: 0.8\n"
    (problem,) = refused(text)
    assert str(problem) == (
        "t.yaml:7:5: error GUD104: unknown key `inverse_softnes` in design.schedule (soft_linear)\n"
        "    7 |     inverse_softnes: 0.8\n"
        "      |     ^^^^^^^^^^^^^^^ did you mean `inverse_softness`?"
    )


def test_long_lines_are_shown_around_the_caret() -> None:
    (problem,) = refused(MINIMAL + f"train: {{{' ' * 500}steps: 0{' ' * 500}}}")
    _, line, carets = str(problem).splitlines()
    assert len(line) < 200
    assert line[carets.index("^")] == "0"


# ── mutations ───────────────────────────────────────────────────────────────────────────────────────

JUNK = st.sampled_from(
    [None, True, 0, -1, 3, 10**400, 0.5, 1e300, float("nan"), float("inf"), "", "x", "kind", "${A", (), (1,), {}, ({},)]
)


MAPPINGS = st.sampled_from([{"kind": "x"}, {"kind": None}, {"low": 1}, {"linspace": (1, 2)}, {"0": 1}, {"x": 1}])


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, tuple) else ()
    return [path, *(found for key, item in inner for found in paths(item, (*path, key)))]


def mutated(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    if not path:
        return change
    if isinstance(value, dict):
        return {key: mutated(item, path[1:], change) if key == path[0] else item for key, item in value.items()}
    return tuple(mutated(item, path[1:], change) if i == path[0] else item for i, item in enumerate(value))


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow], max_examples=150)
@given(experiments(), st.data())
def test_a_mutated_spec_is_read_or_refused(experiment: Experiment, draw: st.DataObject) -> None:
    tree = plain(reads(dump(experiment)).tree)
    for _ in range(draw.draw(st.integers(1, 3))):
        path = draw.draw(st.sampled_from(paths(tree)))
        tree = mutated(tree, path, draw.draw(st.one_of(JUNK, MAPPINGS)))
    try:
        document = reads(flow(tree))
    except SpecError as error:
        refused = error
    else:
        check(document)
        assert loads(dump(document.experiment)) == document.experiment
        return
    assert str(refused)
    assert all(problem.span.source.line(problem.span.start.line) for problem in refused.diagnostics)


def test_an_override_may_mean_a_key_that_the_file_gives() -> None:

    text = "gudspec: 1\nname: x\ndata: {source: {kind: digits}}\ntrain: {steps: 3}\n"
    with pytest.raises(SpecError) as caught:
        loads(text, ["train.stepps=4"])
    (problem,) = caught.value.diagnostics
    assert problem.suggestion == "steps"
