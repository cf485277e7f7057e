# ruff: noqa: E501 (a table reads best with one case a line)
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

import gudspec
from gudspec.linter.catalogue import CATALOGUE
from gudspec.linter.check import RULES, check, examine, lint
from gudspec.linter.deep.descriptions import DESCRIPTIONS as DEEP
from gudspec.linter.rule import Description, PathRule, StatisticsRule
from gudspec.linter.unchecked import unchecked
from gudspec.spec.diagnostics import Diagnostic, Source, SpecError, render
from gudspec.spec.load import Document, loads, reads
from gudspec.spec.models import Experiment

GOLDEN = Path(__file__).parent / "golden"
BEGIN = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}"
AUTOENCODER = (GOLDEN / "autoencoder-of-digits" / "spec.resolved.yaml").read_text(encoding="utf-8")
"""The spec of the autoencoder that examples of learned stages name."""
NEED_DATA = {rule.code for rule in RULES if isinstance(rule, StatisticsRule)}
"""Rules that need the statistics of the data in the cache."""
NO_FILE = {"GUD001", "GUD018", "GUD401"} | {description.code for description in DEEP}
"""Codes without golden files: no spec to read, no spec at all, a code of the run that the linter words otherwise, and
those of `--deep`."""


@pytest.fixture(autouse=True)
def _nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with an empty cache of statistics."""
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / "cache"))


def completed(part: str) -> str:
    """Part of a spec, with what every spec needs."""
    given = yaml.safe_load(part)
    spec = {"gudspec": 1, "name": "example", **given, "data": {"source": {"kind": "digits"}, **given.get("data", {})}}
    return yaml.safe_dump(spec)


def read(part: str) -> Document:
    return reads(completed(part))


def found(part: str) -> list[Diagnostic]:
    """What the linter finds in part of a spec."""
    return check(read(part))


def get_to_know(text: str) -> None:
    """Leaves the statistics of a spec's data in the cache, as a run does."""
    from gudspec.engine.prepare import open_data, statistics_of

    statistics_of(open_data(loads(text)))


def write(text: str, folder: Path) -> list[str]:
    """Writes the files that an example consists of, the first as spec.yaml, and returns its overrides."""
    first, *more = re.split(r"^--- # ", text, flags=re.MULTILINE)
    overrides = []
    if not first.startswith("# file:"):  # that one is not there
        (folder / "spec.yaml").write_text(first, encoding="utf-8")
    for part in more:
        head, _, body = part.partition("\n")
        kind, _, value = head.partition(": ")
        if kind == "set":
            overrides.append(value)
        else:
            (folder / value).write_text(body, encoding="utf-8")
    return overrides


# ── the catalogue ───────────────────────────────────────────────────────────────────────────────────


def test_every_code_of_the_sources_is_described_once() -> None:
    folder = Path(gudspec.__file__).parent
    used = {code for file in folder.rglob("*.py") for code in re.findall(r"GUD\d{3}", file.read_text("utf-8"))}
    used -= {"GUD100", "GUD200"}  # where text and structure end
    codes = [description.code for description in CATALOGUE]
    assert codes == sorted(set(codes))
    assert set(codes) == used
    assert [rule.code for rule in RULES] == [code for code in codes if code in {rule.code for rule in RULES}]


@pytest.mark.parametrize(
    "description", [one for one in CATALOGUE if one not in DEEP], ids=lambda description: description.code
)
def test_every_code_explains_itself_and_its_examples_are_true(
    description: type[Description], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert re.fullmatch(r"GUD[0-4]\d\d", description.code)
    assert description.summary
    assert description.explanation().endswith((".", "`"))
    monkeypatch.chdir(tmp_path)
    np.save("orthogonal.npy", np.eye(64))
    np.save("not-orthogonal.npy", 2 * np.eye(64))
    (tmp_path / "autoencoder-of-digits").mkdir()
    (tmp_path / "autoencoder-of-digits" / "spec.resolved.yaml").write_text(AUTOENCODER, encoding="utf-8")
    expected = {"GUD401": ["GUD404"]}.get(description.code, [description.code])
    for example, codes in ((description.bad, expected), (description.good, [])):
        text = example if description.code < "GUD100" else completed(example)
        if description.code in NEED_DATA:
            assert not [one for one in check(reads(text)) if one.code == description.code]
            assert description.code in unchecked(reads(text)) or not codes
            get_to_know(text)
        for file in tmp_path.glob("*.yaml"):
            file.unlink()
        overrides = write(text, tmp_path)
        wrong = configured(tmp_path) if description.code == "GUD018" else []
        assert [*wrong, *(one.code for one in lint("spec.yaml", overrides))] == codes


def configured(folder: Path) -> list[str]:
    """What is wrong with the settings of a folder."""
    from gudspec.linter.config import settings

    try:
        settings(folder)
    except SpecError as error:
        return [one.code for one in error.diagnostics]
    return []


def test_missing_data_has_its_code_where_the_run_looks_for_it() -> None:
    from gudspec.data import DataError, open_source

    (description,) = (one for one in CATALOGUE if one.code == "GUD401")
    with pytest.raises(DataError) as error:
        open_source(loads(completed(description.bad)).data.source)
    assert error.value.code == "GUD401"


# ── golden files ────────────────────────────────────────────────────────────────────────────────────


def golden(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Diagnostic]:
    """What is found in a golden file; a comment `# --set A=B` is an override."""
    monkeypatch.chdir(GOLDEN)
    text = path.read_text(encoding="utf-8")
    if path.name[:6] in NEED_DATA:
        get_to_know(text)
    return lint(path.name, re.findall(r"^# --set (.*)$", text, flags=re.MULTILINE))


BAD = [path for path in sorted(GOLDEN.glob("*.yaml")) if not path.stem.endswith(".good")]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_golden_findings(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert render(golden(path, monkeypatch)) + "\n" == path.with_suffix(".out").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.good.yaml")), ids=lambda path: path.stem)
def test_golden_files_that_are_put_right(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert golden(path, monkeypatch) == []


def test_there_is_a_golden_pair_for_every_code() -> None:
    codes = {description.code for description in CATALOGUE} - NO_FILE
    assert codes <= {path.stem for path in BAD}
    assert codes <= {path.name.removesuffix(".good.yaml") for path in GOLDEN.glob("*.good.yaml")}


# ── one problem is reported once ────────────────────────────────────────────────────────────────────


EXTEND = """\
data: {{source: {{kind: textures, name: grass, size: 16}}}}
design: {{schedule: {{kind: sequential, inverse_softness: {}}}}}
sample: [{{name: a, task: {}}}]"""


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
        # A group that never moves stops short of the prior, starts in noise, and stands still.
        ("design: {schedule: {kind: knots, values: [[-9, -9]]}}", ["GUD244"]),
        ("design: {schedule: {kind: knots, values: [[5, 5]]}}", ["GUD244"]),
        # One level is one window, and the path stands still after it.
        ("design: {basis: {kind: haar, levels: 1}, schedule: {kind: hierarchical, gamma: {min: -9, max: 5}}}", ["GUD246"]),
        # Groups that do not overlap leave few steps for each.
        ("{design: {schedule: {kind: sequential, inverse_softness: 0.95}}, sample: [{name: a, sampler: {kind: ddim, steps: 50}}]}", ["GUD225"]),
        # One step is too few for any group.
        ("{design: {schedule: {kind: sequential}}, sample: [{name: a, sampler: {kind: ddim, steps: 1}}]}", ["GUD227"]),
        # Levels that differ are not one level, however far it reaches.
        ("{design: {schedule: {kind: sequential, gamma: {min: -9, max: 5}}}, objective: {measure: {kind: lognormal, mean: 9}}}", ["GUD261"]),
        # Masks of one group weigh nothing along no path.
        ("{design: {schedule: {kind: edm}}, objective: {weight: likelihood, measure: {kind: masked}}}", ["GUD264"]),
        ("{design: {schedule: {kind: learned}}, objective: {weight: likelihood, measure: {kind: independent}}}", ["GUD268"]),
        # What overflows is not also out of reach.
        ("design: {basis: {kind: dct}, schedule: {kind: blurring, sigma_blur: 1e+300}}", ["GUD242"]),
        # A batch is cut first and shared then; parts that do not fit are no problem of the mesh.
        ("{mesh: {data: 4}, train: {batch_size: 16, accumulate: 8}}", ["GUD306"]),
        ("{mesh: {data: 4}, train: {batch_size: 16, accumulate: 3, phases: [{steps: 1, batch_size: 32}]}}", ["GUD307"]),
        # Of a transformer's grids the coarsest is the one that counts; what does not fit the image is told once.
        ("{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.4, 0.8]}, network: {kind: dit, patch: 4}}", ["GUD282"]),
        ("{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.4, 0.8]}, network: {kind: dit, patch: 2}}", []),
        ("{design: {basis: {kind: haar, levels: 2}, schedule: {kind: dvdp}, segments: [0.4, 0.8]}, network: {kind: dit, patch: 3}}", ["GUD294"]),
        ("{data: {source: {kind: photos, size: 128}}, design: {basis: {kind: fourier}}, network: {kind: dit, patch: 1, heads: 1, conditioning: components, mixer_tokens: 65536}}", ["GUD302"]),
        ("{data: {source: {kind: photos, size: 128}}, network: {kind: dit, patch: 8, labels: true}}", ["GUD232"]),
        ("{network: {kind: dit}, objective: {kind: elbo}}", ["GUD290"]),
        # An extension by more than an image, or along a path on which all columns move together.
        (EXTEND.format("0.6", "{kind: extend, stride: 16}"), ["GUD270"]),
        (EXTEND.format("0.6", "{kind: extend, stride: 4}"), []),
        (EXTEND.format("0.0", "{kind: extend, stride: 4}"), ["GUD270"]),
        (EXTEND.format("{low: 0.2, high: 0.7, value: 0.7}", "{kind: extend, stride: 4}, at: {design.schedule.inverse_softness: 0.2}"), ["GUD275"]),
        # A matrix that is no basis is not a path.
        ("design: {basis: {kind: color, spatial: {kind: haar, levels: 5}}}", ["GUD206", "GUD201"]),
    ],
)  # fmt: skip
def test_nothing_is_caused_by_another_finding(part: str, codes: list[str]) -> None:
    assert [one.code for one in found(part)] == codes


TABLE = "{kind: ddpm, steps: 800}"


@pytest.mark.parametrize(
    ("trained", "followed", "sampler", "told"),
    [
        (TABLE, "{kind: design}", "{kind: ancestral, steps: 900}", True),
        (TABLE, "{kind: design}", "{kind: ancestral, steps: 800}", False),
        (TABLE, "{kind: cosine}", "{kind: ancestral, steps: 900}", False),
        ("{kind: cosine}", TABLE, "{kind: ancestral, steps: 900}", True),
    ],
)
def test_the_table_is_that_of_the_path_which_is_followed(trained: str, followed: str, sampler: str, told: bool) -> None:
    part = f"{{design: {{schedule: {trained}}}, sample: [{{name: a, path: {followed}, sampler: {sampler}}}]}}"
    assert ("GUD226" in [one.code for one in found(part)]) == told


def test_a_flat_component_is_the_cause_of_strange_ends() -> None:
    part = """\
data: {dequantize: none}
design: {schedule: {kind: soft_linear, inverse_softness: 2.0, snr: {noise: 5}}}
evaluate: []"""
    get_to_know(completed(part))
    assert [one.code for one in found(part)] == ["GUD256"]


# ── a problem hides only what depends on it ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("section", sorted(set(Experiment.model_fields) - {"name"}))
def test_a_broken_section_silences_rules_and_makes_none_speak(section: str) -> None:
    """Of all examples: what is found beside a broken section is found without it, and mostly stays."""
    heard = told = 0
    for rule in RULES:
        if rule.code in NEED_DATA or rule.code[:4] == "GUD4":
            continue
        spec = yaml.safe_load(completed(rule.bad))
        before = {one.code for one in examine([(Source("a", yaml.safe_dump(spec)), None)]).findings}
        spec[section] = [{"nonsense": 1}]
        report = examine([(Source("a", yaml.safe_dump(spec)), None)])
        problems = {one.code for one in report.findings if one.code < "GUD200"}
        after = {one.code for one in report.findings} - problems
        assert problems
        assert after <= before, rule.code
        heard, told = heard + len(before), told + len(after)
    assert told >= {"data": 0.1, "design": 0.1}.get(section, 0.4) * heard


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────


def bits(message: str) -> float:
    """The bits/dim that a message tells."""
    return float(re.findall(r"([\d.e+-]+) bits/dim", message)[0])


def test_the_gap_to_the_prior_is_the_divergence_of_the_noised_data() -> None:
    """Against the Kullback-Leibler divergence of N(αχ, σ²) from N(0, 1), averaged over χ by Monte Carlo."""
    scale, gamma = 0.3, 3.2
    part = f"design: {{prior: {{kind: isotropic, scale: {scale}}}, schedule: {{kind: linear, gamma: {{min: -9, max: {gamma}}}}}}}"
    get_to_know(completed(part))
    (finding,) = found(part)
    from gudspec.data import open_source
    from gudspec.process.dequantize import scale as scaled

    train = open_source(read(part).experiment.data.source).train.pixels.astype(float)
    images = scaled(train, 17, np.random.default_rng(0).random(train.shape))
    chi = (images - images.mean(0)) / scale
    alpha2, sigma2 = 1 / (1 + np.exp(gamma)), 1 / (1 + np.exp(-gamma))
    nats = 0.5 * (alpha2 * chi**2 + sigma2 - 1 - np.log(sigma2))
    assert bits(finding.message) == pytest.approx(nats.mean() / np.log(2), rel=0.05)


def test_the_gap_at_the_start_is_the_slack_of_a_gaussian_decoder() -> None:
    """½ log det(1 + e^γ C⁻¹) of the whole covariance, which the principal axes diagonalize."""
    gamma = -4.5
    part = f"""\
design: {{basis: {{kind: pca}}, schedule: {{kind: linear, gamma: {{min: {gamma}, max: 5}}}}}}
evaluate: [{{name: nll, kind: bound}}]"""
    get_to_know(completed(part))
    (finding,) = found(part)
    from gudspec.data import open_source
    from gudspec.data.statistics import moments

    data = read(part).experiment.data
    covariance = moments(data, open_source(data.source)).covariance
    assert covariance is not None
    slack = np.linalg.slogdet(np.eye(64) + np.exp(gamma) * np.linalg.inv(covariance))[1] / 2 / 64 / np.log(2)
    assert bits(finding.message) == pytest.approx(slack, rel=0.02)


@pytest.mark.parametrize("groups", [4, 7, 8, 16])
def test_autoregressive_is_where_windows_stop_to_overlap(groups: int) -> None:
    """Against the windows of (22), just below and above b = (L − 1)/L."""
    for b in ((groups - 1) / groups - 1e-3, (groups - 1) / groups + 1e-3):
        start = b * np.arange(groups) / (groups - 1)
        apart = bool((start[:-1] + 1 - b <= start[1:]).all())
        part = f"""\
data: {{source: {{kind: gaussian_field, size: {groups}}}}}
network: {{kind: unet, multipliers: [1]}}
design: {{schedule: {{kind: sequential, inverse_softness: {b}}}}}"""
        assert [one.code for one in found(part)] == (["GUD247"] if apart else [])


# ── what could not be checked ───────────────────────────────────────────────────────────────────────


def test_rules_that_need_the_data_are_listed_until_a_run_has_seen_it() -> None:
    part = "{design: {basis: {kind: pca}, schedule: {kind: soft_linear}}, evaluate: [{name: nll, kind: bound}]}"
    before = unchecked(read(part))
    assert {"GUD240", "GUD241", "GUD242", "GUD243", "GUD256"} <= set(before)
    assert list(before) == sorted(before)
    get_to_know(completed(part))
    assert unchecked(read(part)) == ()
    # other ends need other statistics
    assert "GUD240" in unchecked(read("design: {basis: {kind: pca}, schedule: {kind: linear}}"))


def test_what_cannot_be_known_is_not_missed_where_it_does_not_matter() -> None:
    codes = unchecked(read("design: {schedule: {kind: edm}}"))
    assert codes == ("GUD240",)  # its ends are given, the data's variances are not
    assert unchecked(read("design: {basis: {kind: haar, levels: 9}}")) == ()


def test_every_rule_that_goes_unchecked_says_so() -> None:
    """A rule that finds something with the statistics and nothing without them is listed without them."""
    for rule in RULES:
        if isinstance(rule, StatisticsRule):
            assert rule.code in unchecked(read(rule.bad)), rule.code
        elif not isinstance(rule, PathRule):
            assert rule.code not in unchecked(read(rule.good)), rule.code


def test_certain_suggestions_put_things_right() -> None:
    """A fix that is certain leaves nothing to be found, and nothing else has changed."""
    certain = 0
    for rule in RULES:
        if rule.code in NEED_DATA | {"GUD402"}:
            continue
        text = completed(rule.bad)
        for one in check(reads(text)):
            if one.certain:
                certain += 1
                lines = text.splitlines(keepends=True)
                line = lines[one.span.start.line - 1]
                lines[one.span.start.line - 1] = (
                    line[: one.span.start.column - 1] + str(one.suggestion) + line[one.span.end.column - 1 :]
                )
                assert check(reads("".join(lines))) == []
    assert certain >= 3


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
    *(f"knots, by: {by}" for by in ("scalar", "columns", "rows", "levels")),
    *(f"learned, by: {by}" for by in ("columns", "rows", "levels", "components")),
]  # fmt: skip
TOKENS = ["groups", "scalar", "components", "pixels", "columns", "rows", "levels", "level_columns", "colors"]
COLORFUL = "{source: {kind: gaussian_field, size: 8, channels: 3}}"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that the designs below name."""
    monkeypatch.chdir(tmp_path)
    np.save("u.npy", np.eye(64))
    np.save("l.npy", np.arange(64.0).reshape(8, 8, 1))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("basis", BASES)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_tokens_are_accepted_exactly_where_gamma_is_constant_on_them(basis: str, schedule: str) -> None:
    """The rule and the compiler, which compares the partitions themselves, must agree."""
    from gudspec.program.design import Design

    design = f"{{basis: {BASES[basis]}, schedule: {{kind: {schedule}}}}}"
    kind = basis.removeprefix("color-")
    needed = {"pixels": "pixel", "columns": "pixel", "rows": "pixel", "levels": "haar", "level_columns": "haar"}
    part = f"{{data: {COLORFUL}, design: {design}, network: {{kind: unet, conditioning: TOKENS}}, objective: {{weight: likelihood}}}}"
    if {one.code for one in found(part.replace("TOKENS", "groups"))} & {"GUD203", "GUD204"}:
        return
    compiled = Design(loads(f"{BEGIN}\ndesign: {design}").design, (8, 8, 3))
    for tokens in TOKENS:
        codes = [one.code for one in found(part.replace("TOKENS", tokens))]
        fits = needed.get(tokens, kind) == kind and compiled.partition(tokens).refines(compiled.groups)
        assert codes == ([] if fits else ["GUD205"]), tokens


@pytest.mark.usefixtures("files")
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
