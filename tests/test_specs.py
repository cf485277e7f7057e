"""The gallery: every spec is clean and compiles; those on shipped images run; those of figures have the paper's γ."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

import gudspec
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.design import Statistics
from gudspec.program.keys import root
from gudspec.spec.load import load
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import dump
from gudspec.spec.sources import levels
from gudspec.spec.stage import learned_stage
from gudspec.verify.gaussian import gaussian_data
from gudspec.verify.main import verify
from tests.gallery.goldens import FOLDER, PLACES, ROOT, SPECS, golden
from tests.gallery.pictures import IMAGES, LARGEST, SYSTEMS

pytestmark = pytest.mark.usefixtures("compiled_fast")

SMOKE = [spec for spec in SPECS if spec.stem.startswith("smoke")]
LEARNED = [spec for spec in SPECS if learned_stage(load(spec).design)]
"""They need the run of an autoencoder: tests/engine/test_stage.py trains both."""
AWAY = ("cifar10", "pcam", "folder", "npz", "latents")
SHIPPED = [spec for spec in SPECS if load(spec).data.source.kind not in AWAY and spec not in LEARNED]
T = np.array([0.0, 0.25, 0.5, 1.0])
SMALL = (
    *(
        f"network.{size}"
        for size in ("channels=4", "multipliers=[1, 1, 1]", "blocks=1", "attention=4", "heads=1", "state=8")
    ),
    "train={steps: 3, batch_size: 8, log_every: 1, ema: 0.5}",
    "evaluate=[{name: bound, kind: bound, images: 8, batch_size: 8, times: 2}]",
)
SMALL_AUTOENCODER = ("network={kind: autoencoder, channels: 4, multipliers: [1, 2], latents: 2}", *SMALL[-2:])


def named(specs: list[Path]) -> list[pytest.param]:
    return [pytest.param(spec, id=str(spec.relative_to(ROOT / "specs"))) for spec in specs]


@pytest.fixture(params=SPECS, ids=lambda path: str(path.relative_to(ROOT / "specs")))
def spec(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_is_clean(spec: Path) -> None:
    assert gudspec.lint([spec]) == []


@pytest.mark.slow
@pytest.mark.parametrize("spec", named([spec for spec in SPECS if spec not in SMOKE]))
def test_compiles(spec: Path) -> None:
    """With one block per level, which is traced in a third of the time; levels and sizes are those of the spec."""
    experiment = load(spec)
    if experiment.network.kind == "unet":
        experiment = load(spec, ["network.blocks=1"])
    autoencoder = load(spec.with_name("learned_autoencoder.yaml")) if spec in LEARNED else None
    program = gudspec.compile(experiment, autoencoder=autoencoder)
    height, width, channels = program.shape
    pca = experiment.design.basis.kind == "pca"
    statistics = Statistics(
        *(
            jax.ShapeDtypeStruct(shape, np.float32)
            for shape in (program.shape, (height * width,) * 2 if pca else (0, 0), program.shape, (2,))
        )
    )
    if spec in LEARNED:
        statistics = statistics._replace(frozen=jax.ShapeDtypeStruct((program.frozen_size,), np.float32))
    state = jax.eval_shape(program.init, root(0))
    count = experiment.train.batch_size
    dtype = np.uint8 if levels(experiment.data.source) else np.float32
    labels = {"labels": jax.ShapeDtypeStruct((count,), np.int32)} if experiment.network.labels else {}
    batch = labels | {"pixels": jax.ShapeDtypeStruct((count, height, width, channels), dtype)}
    after, _ = jax.eval_shape(program.train_step, state, batch, statistics)
    assert jax.tree.map(lambda leaf: leaf.shape, after) == jax.tree.map(lambda leaf: leaf.shape, state)


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["gud/cifar10.yaml", "score_sde/cifar10_vp.yaml"])
def test_the_size_is_the_documented_one(spec: str) -> None:
    program = gudspec.compile(load(ROOT / "specs" / spec))
    parameters = jax.tree.leaves(jax.eval_shape(program.init, root(0)).parameters)
    millions = sum(leaf.size for leaf in parameters) / 1e6
    assert f"{millions:.1f} million" in (ROOT / "docs" / "how-it-works.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec",
    named(
        [
            spec
            for spec in SHIPPED
            if (spec.parent.name != "ddim" or spec.stem == "quality")
            and not re.match("fig2[bcd]|fig4", spec.stem)  # those of figures are drawn, not trained
        ]
    ),
)
def test_trains_on_shipped_images(spec: Path, tmp_path: Path) -> None:
    """`smoke*.yaml` as they are, all others with a small network and few steps."""
    small = SMALL_AUTOENCODER if load(spec).network.kind == "autoencoder" else SMALL
    experiment = load(spec) if spec in SMOKE else load(spec, (*small, *_few(load(spec))))
    result = gudspec.run(experiment, tmp_path / "w")
    assert result.summary["steps"] == sum((experiment.train.steps, *(phase.steps for phase in experiment.train.phases)))
    assert np.isfinite(result.summary["evaluations"][0]["value"])
    assert len(list((tmp_path / "w" / "samples").glob("*.png"))) >= len(experiment.sample)
    assert json.loads((tmp_path / "w" / "summary.json").read_text()) == result.summary


def _few(experiment: Experiment) -> Iterator[str]:
    for index, _ in enumerate(experiment.sample):
        yield f"sample.{index}.count=4"
        yield f"sample.{index}.sampler={{kind: ddim, steps: 4}}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "spec", named([spec for spec in SMOKE if spec in SHIPPED and load(spec).network.kind != "autoencoder"])
)
def test_verifies(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`gudspec verify --no-samplers`: what the smoke spec compiles to is exact on Gaussian data, and lint stays quiet.

    Here with independent components, which takes a fifth of the time: tests/verify has the correlated ones.
    """
    monkeypatch.setattr("gudspec.verify.gaussian.LARGEST_FULL", 16)
    checks = list(verify(gaussian_data(open_data(load(spec)))))
    assert [check for check in checks if not check.passed] == []
    assert gudspec.lint([spec]) == []  # the statistics are known now: no rule is left out


def test_every_published_system_has_a_smoke_spec() -> None:
    """One that builds on the spec of the paper's size, so that the two cannot drift apart."""
    for spec in SMOKE:
        (base,) = re.findall(r"^extends: (\S+)$", spec.read_text(encoding="utf-8"), re.MULTILINE)
        assert (spec.parent / base).resolve() in SPECS
    published = {spec.parent for spec in SPECS if spec not in SHIPPED}
    assert published <= {spec.parent for spec in SMOKE}


@pytest.mark.parametrize("spec", named(SPECS))
def test_the_header_says_what_it_is(spec: Path) -> None:
    """Comments come first: what is reproduced, from which paper, and what differs; smoke specs point to their base."""
    text = spec.read_text(encoding="utf-8")
    header = text[: text.index("\ngudspec:")]
    assert header.startswith("# ")
    assert all(line.startswith("#") for line in header.splitlines())
    if spec not in SHIPPED:
        assert re.search(r"arXiv:\d{4}\.\d{5}|specs/", header), "name the paper"


@pytest.mark.parametrize("spec", named(SPECS))
def test_resolved_forms_are_goldens(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in PLACES:
        monkeypatch.delenv(variable, raising=False)
    assert dump(load(spec)) == golden(spec).read_text(encoding="utf-8"), "run `python -m tests.gallery.goldens`"


def test_the_table_has_every_system_and_no_dead_link() -> None:
    page = ROOT / "specs" / "README.md"
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")) if "://" not in link]
    targets = {(page.parent / link).resolve() for link in links}
    assert [target for target in targets if not target.exists()] == []
    assert {spec.parent for spec in SPECS} <= targets | {target.parent for target in targets}
    pictures = {target for target in targets if target.suffix == ".png"}
    assert pictures == set((ROOT / "docs/images/gallery").glob("*.png")) == {IMAGES / f"{name}.png" for name in SYSTEMS}
    assert max(picture.stat().st_size for picture in pictures) <= LARGEST


def test_no_golden_is_left_behind() -> None:
    assert set(FOLDER.rglob("*.yaml")) == {golden(spec) for spec in SPECS}


def bound(name: str) -> tuple[Statistics, np.ndarray]:
    """Statistics of a spec's real data, and its γ(t) per component [4, H, W, C], from the compiled process."""
    experiment = load(ROOT / "specs" / "gud" / f"{name}.yaml")
    statistics = statistics_of(open_data(experiment))
    program = gudspec.compile(experiment)
    parameters = {key: np.float32(value) for key, value in program.at().items()}
    gamma = program.process(statistics).gamma(T.astype(np.float32), parameters)
    return statistics, np.broadcast_to(gamma, (4, *program.shape))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "a", "whitened"),
    [("fig2a", 1.0, False), ("fig2b", 0.0, False), ("fig2c", 1.0, True), ("fig2d", 0.0, True)],
)
def test_fig2(name: str, a: float, whitened: bool) -> None:
    """Eqs. (20)–(21), written out once more."""
    statistics, gamma = bound(name)
    sigma = np.asarray(statistics.variance, float)
    order = -np.log(sigma)
    diffused = np.zeros_like(sigma) if whitened else np.log(sigma)
    noise = max(3.0, np.log(0.99**2 / (1 - 0.99**2)) - diffused.min())
    start = -7.0 + diffused + a * (order - order.max())
    stop = noise + diffused + a * (order - order.min())
    expected = start + (stop - start) * T[:, None, None, None]
    np.testing.assert_allclose(gamma, expected, atol=2e-4)
    if a == 1.0 and not whitened:
        assert np.ptp(gamma, axis=(1, 2, 3)).max() < 1e-4  # standard diffusion: one noise level


@pytest.mark.slow
def test_fig4c() -> None:
    """Eq. (22) with b = ½ over L columns."""
    statistics, gamma = bound("fig4c")
    low, high = np.log(statistics.extremes[0]) - 5, max(np.log(statistics.extremes[1]) + 3, np.log(0.9801 / 0.0199))
    columns = gamma.shape[2]
    i = np.arange(1, columns + 1)
    t_i = 0.5 * (columns - i) / (columns - 1)
    expected = np.clip(low + (T[:, None] - t_i) * (high - low) / 0.5, low, high)
    np.testing.assert_allclose(gamma, np.broadcast_to(expected[:, None, :, None], gamma.shape), atol=1e-3)


@pytest.mark.slow
def test_fig4d() -> None:
    """§5.3 with N = 3 and a = b = ½; level 1, the coarsest with the low-pass image, stands in the upper left corner."""
    statistics, gamma = bound("fig4d")
    low, high = np.log(statistics.extremes[0]) - 5, max(np.log(statistics.extremes[1]) + 3, np.log(0.9801 / 0.0199))
    size = gamma.shape[1]
    for i, width in ((3, size // 2), (2, size // 4), (1, size // 8)):
        for j in range(1, width + 1):
            c_i = 0.5 * (3 - i) / 2
            c_ij = 0.5 * (width - j) / max(width - 1, 1)
            t_i = np.clip((T - c_i) / 0.5, 0, 1)
            expected = np.clip(low + (high - low) * (t_i - c_ij) / 0.5, low, high)
            details = gamma[:, width : 2 * width, width + j - 1, 0]  # HH
            np.testing.assert_allclose(details, expected[:, None].repeat(width, 1), atol=1e-3)
    np.testing.assert_allclose(gamma[:, 0, 0, 0], gamma[:, size // 8, size // 8, 0], atol=1e-6)  # LL shares level 1


def test_the_resolved_form_is_the_whole_spec(spec: Path, tmp_path: Path) -> None:
    experiment = load(spec)
    (tmp_path / "resolved.yaml").write_text(dump(experiment))
    assert load(tmp_path / "resolved.yaml") == experiment
