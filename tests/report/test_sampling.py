"""How near drawn images are to the data and to each other, against independent formulas."""

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import sqrtm

from gudspec.process import bases
from gudspec.process.process import Process
from gudspec.program.design import Statistics
from gudspec.report.page import write_report
from gudspec.report.reading import read_run
from gudspec.report.sampling import compared, frechet_distance
from tests.report import workdirs

SPEC = """
gudspec: 1
name: drawings
data: {source: {kind: digits}}
design: {basis: {kind: pca}, schedule: {kind: linear, gamma: {min: -9, max: 5}}}
sample:
- {name: few, count: 80, noise: 0, sampler: {kind: ddim, steps: 10}}
- {name: many, count: 80, noise: 0, sampler: {kind: ode, solver: heun, steps: 40}}
- {name: other, count: 80, noise: 1, sampler: {kind: ddim, steps: 100, eta: 1.0}}
- {name: sevens, count: 80, noise: 0, sampler: {kind: ddim, steps: 100}, task: {kind: roundtrip}}
"""


def test_frechet_distance_is_that_of_the_gaussians() -> None:
    """Against the textbook formula with a matrix square root, the components in another scale."""
    random = np.random.default_rng(0)
    variance = random.uniform(0.5, 2, (2, 3, 1))
    mean = random.normal(size=(2, 3, 1))
    statistics = Statistics(mean, np.zeros((0, 0)), variance, np.ones(2))
    process = Process(bases.Pixel(), mean, np.full((2, 3, 1), 2.0), variance / 4, None)  # type: ignore[arg-type]
    images = (random.normal(size=(200, 6)) @ random.normal(size=(6, 6))).reshape(200, 2, 3, 1)
    a, b = np.cov(images.reshape(200, 6).T), np.diag(variance.ravel())
    root = np.real(sqrtm(sqrtm(b) @ a @ sqrtm(b)))
    shift = images.mean(0) - mean
    expected = ((shift**2).sum() + np.trace(a + b - 2 * root)) / np.trace(b)
    assert frechet_distance(images, process, statistics) == pytest.approx(np.sqrt(expected), rel=1e-6)
    exact = random.normal(size=(100_000, 2, 3, 1)) * np.sqrt(variance) + mean
    assert frechet_distance(exact, process, statistics) < 0.01


def test_rows_compare_what_began_with_the_same_noise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        workdirs,
        "_SHAPES",
        {name: {"images": (80, 8, 8, 1)} for name in ("few", "many", "other")}
        | {"sevens": dict.fromkeys(("originals", "latents", "images"), (80, 8, 8, 1))},
    )
    axes = np.eye(64, dtype=np.float32)
    given = workdirs.statistics()._replace(axes=axes)
    monkeypatch.setattr(workdirs, "statistics", lambda: given)
    folder = workdirs.workdir(tmp_path / "run", SPEC)
    run = read_run(folder)
    rows = {row["name"]: row for row in compared(run)}
    assert list(rows) == ["few", "many", "other"]
    few, many = (next(one for one in run.pictures if one.name == name).images for name in ("few", "many"))
    assert rows["few"]["finest"] == f"{np.sqrt(np.mean((few - many) ** 2)):.3g}"
    assert rows["many"]["finest"] == rows["other"]["finest"] == ""
    assert [row["evaluations"] for row in rows.values()] == [10, 80, 100]
    assert rows["other"]["sampler"] == "ddim η = 1, 100 steps"
    assert float(rows["few"]["frechet"]) > 0
    assert "From the finest" in write_report(folder).read_text(encoding="utf-8")
