"""The gallery: every spec is clean and compiles; those of the paper's figures have the paper's γ."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import gudspec
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.design import Statistics
from gudspec.program.keys import root
from gudspec.spec.load import load
from gudspec.spec.resolved import dump

ROOT = Path(__file__).parents[1]
SPECS = sorted((ROOT / "specs").rglob("*.yaml"))
T = np.array([0.0, 0.25, 0.5, 1.0])
SMALL = (
    "network={kind: unet, channels: 4, multipliers: [1, 1], blocks: 1, attention: 4, heads: 1, state: 8}",
    "train={steps: 3, batch_size: 8, log_every: 1, ema: 0.5}",
    "evaluate=[{name: bound, kind: bound, images: 8, batch_size: 8, times: 2}]",
    "sample=[{name: few, count: 4, sampler: {kind: ddim, steps: 3}}]",
)


@pytest.fixture(params=SPECS, ids=lambda path: str(path.relative_to(ROOT / "specs")))
def spec(request: pytest.FixtureRequest) -> Path:
    return request.param


def test_is_clean_and_compiles(spec: Path) -> None:
    assert gudspec.lint([spec]) == []
    experiment = load(spec)
    program = gudspec.compile(experiment)
    height, width, channels = program.shape
    pca = experiment.design.basis.kind == "pca"
    statistics = Statistics(
        *(
            jax.ShapeDtypeStruct(shape, np.float32)
            for shape in (program.shape, (height * width,) * 2 if pca else (0, 0), program.shape, (2,))
        )
    )
    state = jax.eval_shape(program.init, root(0))
    batch = {"pixels": jax.ShapeDtypeStruct((experiment.train.batch_size, height, width, channels), np.uint8)}
    after, _ = jax.eval_shape(program.train_step, state, batch, statistics)
    assert jax.tree.map(lambda leaf: leaf.shape, after) == jax.tree.map(lambda leaf: leaf.shape, state)


@pytest.mark.slow
def test_trains_on_shipped_images(spec: Path, tmp_path: Path) -> None:
    experiment = load(spec, SMALL)
    if experiment.data.source.kind == "cifar10" and not Path(experiment.data.source.root).exists():
        pytest.skip("its images are published, not shipped")
    result = gudspec.run(experiment, tmp_path / "w")
    assert result.summary["steps"] == 3
    assert np.isfinite(result.summary["evaluations"][0]["value"])
    assert json.loads((tmp_path / "w" / "summary.json").read_text()) == result.summary


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
