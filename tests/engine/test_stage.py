"""From an autoencoder to a model whose images turn into its latents, and back to images."""

import json
from pathlib import Path

import numpy as np
import pytest

import gudspec
from gudspec.data import DataError
from gudspec.engine.main import Options, draw
from gudspec.engine.metrics import read_metrics
from gudspec.engine.prepare import open_data
from gudspec.engine.stage import frozen
from gudspec.engine.workdir import Workdir
from gudspec.errors import Refused
from gudspec.program.compiler import compile
from gudspec.program.staged import Staged
from gudspec.spec.load import load, loads
from gudspec.verify.gaussian import gaussian_data
from tests.engine import cluster

SPECS = Path(__file__).parents[2] / "specs"
AUTOENCODER = """
gudspec: 1
name: autoencoder
data: {source: {kind: digits}, validation: 0.1}
objective: {kind: elbo}
network: {kind: autoencoder, channels: 4, multipliers: [1, 2], latents: 2}
train: {steps: 4, batch_size: 16, ema: 0.5}
"""
STAGED = """
gudspec: 1
name: staged
data: {source: {kind: digits}}
design:
  schedule: {kind: cosine, gamma: {min: -9, max: 9}}
  segments: {autoencoder: WORKDIR, turning: 0.4}
network: {kind: unet, channels: 4, multipliers: [1, 1], blocks: 1, heads: 1, labels: true, grids: separate}
train: {steps: 4, batch_size: 16, ema: 0.5}
checkpoint: {every: 2}
sample: [{name: drawn, count: 4, labels: [3], sampler: {kind: ddim, steps: 3}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained autoencoder."""
    folder = tmp_path_factory.mktemp("stage")
    gudspec.run(loads(AUTOENCODER), folder / "autoencoder")
    return folder


def staged(folder: Path, workdir: str = "autoencoder") -> str:
    return STAGED.replace("WORKDIR", str(folder / workdir))


@pytest.mark.slow
def test_a_run_trains_draws_and_repeats_itself(folder: Path) -> None:
    first = gudspec.run(loads(staged(folder)), folder / "one")
    gudspec.run(loads(staged(folder), ["train.steps=2", "sample=[]"]), folder / "two")
    second = gudspec.run(loads(staged(folder)), folder / "two")  # goes on where the shorter one ended
    assert first.summary["parameters_sha256"] == second.summary["parameters_sha256"]
    for name in ("one", "two"):
        with np.load(folder / name / "samples" / "drawn.npz") as archive:
            assert archive["images"].shape == (4, 8, 8, 1)
            assert archive["codes"].shape == (4, 4, 4, 2)
            assert np.isfinite(archive["images"]).all()
    assert (folder / "one" / "report.html").exists()
    draw(folder / "one", 8, seed=1, options=Options())
    assert (folder / "one" / "samples" / "drawn-8-seed1.npz").exists()


@pytest.mark.slow
def test_several_processes_read_the_autoencoder_together(folder: Path, tmp_path: Path) -> None:
    spec = tmp_path / "staged.yaml"
    spec.write_text(staged(folder), encoding="utf-8")
    cluster.succeed("run", spec, "--workdir", tmp_path / "two", processes=2)
    alone = gudspec.run(loads(staged(folder)), tmp_path / "one")
    losses = [[line["loss"] for line in read_metrics(Workdir.at(tmp_path / name))] for name in ("one", "two")]
    np.testing.assert_allclose(*losses, rtol=1e-5)
    np.testing.assert_array_equal(*(Workdir.at(tmp_path / name).load_statistics().frozen for name in ("one", "two")))
    assert alone.summary["steps"] == 4


@pytest.mark.slow
def test_an_autoencoder_that_was_interrupted_is_refused(folder: Path, tmp_path: Path) -> None:
    """Though `gudspec eval` sums it up."""
    gudspec.run(loads(AUTOENCODER, ["train.steps=2"]), tmp_path / "short")
    spec = tmp_path / "short" / "spec.resolved.yaml"
    spec.write_text(spec.read_text().replace("steps: 2", "steps: 4"))
    with pytest.raises(DataError, match="has 2 of 4 steps"):
        open_data(loads(staged(tmp_path, "short")))


@pytest.mark.slow
def test_the_autoencoder_is_what_its_own_run_decodes_with(folder: Path) -> None:
    """And the unit of its latents is that of NumPy's moments of them."""
    prepared = open_data(loads(staged(folder)))
    assert prepared.autoencoder is not None
    program = compile(prepared.experiment, prepared.source.shape, autoencoder=prepared.autoencoder[0])
    assert isinstance(program, Staged)
    known = program.unpack(frozen(program, prepared))
    statistics = Workdir.at(folder / "autoencoder").load_statistics()
    assert statistics is not None
    np.testing.assert_array_equal(known.mean, statistics.mean)
    images = (prepared.source.train.pixels + 0.5) / 17 * 2 - 1
    codes = np.asarray(program.encode(known, images.astype(np.float32)), float)
    back = np.asarray(program.decode(known, codes.astype(np.float32)), float)
    gain = np.sqrt(back.var(axis=0).sum() / codes.var(axis=0).sum())
    assert known.gain == pytest.approx(gain, rel=0.02)  # they are dequantized there
    np.testing.assert_allclose(known.code_mean, codes.mean(axis=0), atol=0.01)
    assert known.residual == pytest.approx(np.sqrt(np.mean((images - back) ** 2)), rel=0.05)


@pytest.mark.slow
def test_an_autoencoder_that_does_not_fit_is_refused(folder: Path) -> None:
    other = AUTOENCODER.replace("kind: digits", "kind: gaussian_field, size: 8, count: 64")
    gudspec.run(loads(other), folder / "other")
    with pytest.raises(DataError, match=r"trained on other images: design_hash \w{12}… there, \w{12}… with"):
        open_data(loads(staged(folder, "other")))
    with pytest.raises(DataError, match="is no finished run"):
        open_data(loads(staged(folder, "nowhere")))
    gudspec.run(loads(staged(folder), ["design.segments=off", "sample=[]"]), folder / "plain")
    with pytest.raises(DataError, match="is no autoencoder"):
        open_data(loads(staged(folder, "plain")))
    summary = folder / "autoencoder" / "summary.json"
    text = summary.read_text()
    hashes = open_data(loads(staged(folder))).hashes
    summary.write_text(json.dumps({**json.loads(text), "parameters_sha256": "0" * 64}))
    try:
        assert open_data(loads(staged(folder))).hashes["design_hash"] != hashes["design_hash"]
        with pytest.raises(Refused, match="holds another autoencoder"):
            gudspec.run(loads(staged(folder)), folder / "changed")
    finally:
        summary.write_text(text)


@pytest.mark.slow
def test_it_is_not_verified(folder: Path) -> None:
    with pytest.raises(Refused, match="a learned stage cannot be verified"):
        gaussian_data(open_data(loads(staged(folder))))


@pytest.mark.slow
def test_the_smoke_specs_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss falls by a third, and what is drawn has about the mean and the contrast of digits."""
    monkeypatch.setenv("GUDSPEC_RUNS", str(tmp_path))
    gudspec.run(load(SPECS / "latent" / "smoke_autoencoder.yaml", ["sample=[]"]), tmp_path / "smoke-autoencoder")
    result = gudspec.run(load(SPECS / "fdm" / "smoke_learned.yaml"), tmp_path / "staged")
    lines = [json.loads(line) for line in (tmp_path / "staged" / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < 0.7 * lines[0]["loss"]
    assert result.summary["nll_bits_per_dim"] is None
    with np.load(tmp_path / "staged" / "samples" / "images.npz") as archive:
        images = archive["images"]
    digits = open_data(load(SPECS / "fdm" / "smoke_learned.yaml")).source.test.pixels / 8.5 - 1
    assert images.shape == (36, 8, 8, 1)
    assert np.abs(images.mean(axis=0) - digits.mean(axis=0)).mean() < 0.15
    assert abs(images.std() - digits.std()) < 0.15
