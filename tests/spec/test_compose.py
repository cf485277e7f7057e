from pathlib import Path

import pytest

from gudspec.spec.diagnostics import Diagnostic, SpecError
from gudspec.spec.load import load, loads, read, reads
from tests.spec.strategies import MINIMAL


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def refused(path: Path | str, *overrides: str, **environment: str) -> list[Diagnostic]:
    try:
        if isinstance(path, Path):
            read(path, overrides, environment=environment)
        else:
            reads(path, overrides, name="t.yaml", environment=environment)
    except SpecError as error:
        return list(error.diagnostics)
    return pytest.fail("the spec was accepted")


def where(problem: Diagnostic) -> tuple[str, str, int, int]:
    return (problem.code, Path(problem.span.file).name, *problem.span.start)


# ── extends ─────────────────────────────────────────────────────────────────────────────────────────


def test_extending_alone_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, base=MINIMAL + "train: {steps: 5}\n", child="extends: base.yaml\n")
    assert load(tmp_path / "child.yaml") == load(tmp_path / "base.yaml")


def test_mappings_merge_lists_are_replaced_and_the_file_wins(tmp_path: Path) -> None:
    base = MINIMAL + "train: {steps: 5, ema: 0.5}\nnetwork: {kind: unet, multipliers: [1, 2, 3]}\n"
    write(tmp_path, base=base, child="train: {steps: 6}\nextends: base.yaml\nnetwork: {multipliers: [4]}\n")
    experiment = load(tmp_path / "child.yaml")
    assert (experiment.train.steps, experiment.train.ema) == (6, 0.5)
    assert experiment.network.multipliers == (4,)


def test_another_kind_replaces_the_mapping(tmp_path: Path) -> None:
    base = MINIMAL + "design: {basis: {kind: haar, levels: 2}, prior: {kind: isotropic, scale: 2.0}}\n"
    child = "extends: base.yaml\ndesign: {basis: {kind: pca}, prior: {kind: isotropic}}\n"
    design = load(write(tmp_path, base=base, child=child) / "child.yaml").design
    assert design.basis.kind == "pca"
    assert design.prior.scale == 2.0


def test_paths_are_relative_to_the_file_that_says_them(tmp_path: Path) -> None:
    write(tmp_path / "sub", middle="extends: ../base.yaml\ntrain: {steps: 6}\n")
    write(tmp_path, base=MINIMAL, child="extends: ${DIR:-sub}/middle.yaml\nseed: 4\n")
    document = read(tmp_path / "child.yaml", environment={})
    assert (document.experiment.seed, document.experiment.train.steps) == (4, 6)


def test_problems_are_reported_in_the_file_that_has_them(tmp_path: Path) -> None:
    write(tmp_path, base=MINIMAL + "sed: 1\n", child="extends: base.yaml\ntrain: {stepps: 6}\n")
    assert [where(p) for p in refused(tmp_path / "child.yaml")] == [
        ("GUD104", "child.yaml", 2, 9),
        ("GUD104", "base.yaml", 4, 1),
    ]


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("extends: none.yaml", "GUD011", 10),
        ("extends: .", "GUD011", 10),
        ("extends: /dev/zero", "GUD011", 10),
        ("extends: 3", "GUD011", 10),
        ("extends: [a, b]", "GUD011", 10),
        ("extends:", "GUD011", 1),
        ("extends: child.yaml", "GUD012", 10),
        ("extends: sub/../child.yaml", "GUD012", 10),
        ("extends: ${NOWHERE}", "GUD013", 10),
        ("extends: 'a\\0b'", "GUD011", 10),
        ('extends: "a\\0b"', "GUD002", 10),
    ],
)
def test_a_base_that_cannot_be_read(tmp_path: Path, text: str, code: str, column: int) -> None:
    write(tmp_path, child=f"{text}\nseed: x\n")
    assert [where(p) for p in refused(tmp_path / "child.yaml")] == [(code, "child.yaml", 1, column)]


def test_circles_are_found_at_any_length(tmp_path: Path) -> None:
    write(tmp_path, a="extends: b.yaml", b="extends: c.yaml", c="extends: a.yaml")
    assert [where(p) for p in refused(tmp_path / "a.yaml")] == [("GUD012", "c.yaml", 1, 10)]


# ── --set ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("seed=3", "seed: 3"),
        ("train.steps=3", "train: {steps: 3}"),
        ("train.ema=1e-3", "train: {ema: 0.001}"),
        ("train.phases=[{steps: 1, batch_size: 2}]", "train: {phases: [{steps: 1, batch_size: 2}]}"),
        ("train={steps: 3}", "train: {steps: 3}"),
        ("train.optimizer.clip=", "train: {optimizer: {clip: null}}"),
        ("network.kind=unet", "network: {kind: unet}"),
        ('sample=[{name: a, at: {"x.y": 1}}]', "sample: [{name: a, at: {x.y: 1}}]"),
    ],
)
def test_an_override_is_the_same_as_writing_it(override: str, text: str) -> None:
    assert loads(MINIMAL, [override]) == loads(MINIMAL + text)


def test_overrides_reach_into_lists_and_quoted_keys() -> None:
    text = MINIMAL + "sample: [{name: a}, {name: b, at: {x.y: 1}}]\n"
    experiment = loads(text, ["sample.0.count=2", 'sample.1.at."x.y"=[3, 4]'])
    assert experiment.sample[0].count == 2
    assert experiment.sample[1].at == {"x.y": (3.0, 4.0)}


def test_the_later_override_is_stronger_and_the_order_of_kinds_does_not_matter() -> None:
    assert loads(MINIMAL, ["seed=1", "seed=2"]).seed == 2
    text = MINIMAL + "design: {basis: {kind: pca}}\n"
    overrides = ["design.basis.levels=2", "design.basis.kind=haar"]
    assert loads(text, overrides) == loads(text, overrides[::-1])


@pytest.mark.parametrize(
    ("override", "code", "column"),
    [
        ("seed", "GUD014", 1),
        ("=3", "GUD014", 1),
        ("a..b=3", "GUD014", 1),
        ("", "GUD014", 1),
        ("extends=x.yaml", "GUD014", 1),
        ("seed=[{a: 1, a: 2}]", "GUD006", 14),
        ("seed=[1", "GUD004", 8),
        ("seed=!x 1", "GUD009", 6),
        ("seed=abc", "GUD102", 6),
        ("train.stepps=3", "GUD104", 7),
        ("sample.5.count=3", "GUD014", 8),
        ("sample.x.count=3", "GUD014", 8),
        ("sample.0.count=0", "GUD105", 16),
        ("name=${NOWHERE}", "GUD013", 6),
    ],
)
def test_bad_overrides_are_shown_in_their_own_text(override: str, code: str, column: int) -> None:
    (problem,) = refused(MINIMAL + "sample: [{name: a}]\n", override)
    assert where(problem) == (code, "--set", 1, column)
    assert not override or override in str(problem)


# ── ${VAR} ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"), ("x-${A}-${B}", "x-one-2"), ("${C:-c}", "c"), ("${A:-c}", "one"), ("${C:-}", ""),
        ("$${A}", "${A}"), ("$A", "$A"), ("${B}", "2"), ("a$${b}${A}", "a${b}one"),
    ],
)  # fmt: skip
def test_variables_are_substituted_and_stay_strings(text: str, value: str) -> None:
    spec = MINIMAL.replace("{kind: digits}", f'{{kind: cifar10, root: "{text}"}}')
    document = reads(spec, environment={"A": "one", "B": "2"})
    assert document.experiment.data.source.root == value


@pytest.mark.parametrize("text", ["${C}", "${", "${A", "${1}", "${A:c}", "${A-c}"])
def test_bad_variables_are_reported_at_the_string(text: str) -> None:
    (problem,) = refused(MINIMAL + f"train: '{text}'\n", A="one")
    assert where(problem) == ("GUD013", "t.yaml", 4, 8)


def test_a_variable_makes_no_number() -> None:
    (problem,) = refused(MINIMAL + "seed: ${A}\n", A="3")
    assert where(problem) == ("GUD102", "t.yaml", 4, 7)


def test_what_is_overridden_needs_no_variable(tmp_path: Path) -> None:
    write(tmp_path, base=MINIMAL.replace("example", "${NOWHERE}"), child="extends: base.yaml\nname: x\n")
    assert read(tmp_path / "child.yaml", environment={}).experiment.name == "x"


def test_an_unreadable_file_is_a_diagnostic(tmp_path: Path) -> None:
    assert [where(p)[0] for p in refused(tmp_path / "none.yaml")] == ["GUD001"]
    assert [where(p)[0] for p in refused(tmp_path)] == ["GUD001"]
