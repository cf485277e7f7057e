"""From images to latents, to a diffusion of latents, and back to images."""

import json
from pathlib import Path

import numpy as np
import pytest

import gudspec
from gudspec.cli.main import main
from gudspec.data import DataError
from gudspec.engine.latents import decoder, encode
from gudspec.engine.main import Options
from gudspec.engine.prepare import open_data
from gudspec.errors import Interrupted, Refused
from gudspec.spec.load import load, loads
from tests.engine import cluster
from tests.engine.stop import StopAt

AUTOENCODER = """
gudspec: 1
name: autoencoder
data: {source: {kind: digits}, validation: 0.1}
objective: {kind: elbo}
network: {kind: autoencoder, channels: 4, multipliers: [1, 2], latents: 2}
train: {steps: 4, batch_size: 16, ema: 0.5}
evaluate: [{name: elbo, kind: bound, images: 16, batch_size: 16, times: 2}]
sample: [{name: prior, count: 4}, {name: back, count: 4, task: {kind: roundtrip}}]
"""
DIFFUSION = """
gudspec: 1
name: latents
data: {source: {kind: latents, path: PATH, autoencoder: WORKDIR, shape: [4, 4, 2]}}
design: {prior: {kind: data_variance}, schedule: {kind: linear, gamma: {min: -7, max: 5}}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, labels: true}
train: {steps: 2, batch_size: 16, ema: 0.5}
evaluate: [{name: nll, kind: bound, images: 32, batch_size: 32, times: 4}]
sample: [{name: drawn, count: 4, frames: 3, sampler: {kind: dpm, steps: 3}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder and its latents."""
    folder = tmp_path_factory.mktemp("latents")
    result = gudspec.run(loads(AUTOENCODER), folder / "autoencoder")
    assert [entry["name"] for entry in result.summary["evaluations"]] == ["elbo"]
    encode(folder / "autoencoder", folder / "latents.npz")
    return folder


def diffusion(folder: Path, archive: str = "latents.npz", workdir: str = "autoencoder") -> str:
    return DIFFUSION.replace("PATH", str(folder / archive)).replace("WORKDIR", str(folder / workdir))


@pytest.mark.slow
def test_latents_keep_splits_and_labels_and_are_repeatable(folder: Path) -> None:
    prepared = open_data(loads(diffusion(folder)))
    source, images = prepared.source, open_data(loads(AUTOENCODER)).source
    assert source.shape == (4, 4, 2)
    assert source.encoded is not None
    assert (source.encoded.shape, source.encoded.levels) == ((8, 8, 1), 17)
    for name in ("train", "test", "validation"):
        latents, own = getattr(source, name), getattr(images, name)
        np.testing.assert_array_equal(latents.labels, own.labels)
        assert len(latents.remainder) == len(latents) == len(own)
    encode(folder / "autoencoder", folder / "again.npz")
    again = open_data(loads(diffusion(folder, "again.npz")))
    assert again.hashes["design_hash"] == prepared.hashes["design_hash"]


@pytest.mark.slow
def test_encoding_that_is_stopped_writes_nothing_and_says_that_it_begins_anew(folder: Path) -> None:
    """The first question is asked while the workdir is opened, the second before the first images."""
    with pytest.raises(Interrupted, match="the same command encodes all images anew"):
        encode(folder / "autoencoder", folder / "stopped.npz", options=Options(stop=StopAt(2)))
    assert not (folder / "stopped.npz").exists()


@pytest.mark.slow
def test_means_decode_to_what_the_autoencoder_decodes(folder: Path) -> None:
    encode(folder / "autoencoder", folder / "means.npz", means=True)
    source = open_data(loads(diffusion(folder, "means.npz"))).source
    assert source.encoded is not None
    assert not source.encoded.sampled
    with np.load(folder / "autoencoder" / "samples" / "back.npz") as archive:  # of four images of the test split
        back, codes = archive["images"], archive["latents"]
    np.testing.assert_allclose(source.test.spread(4).pixels, codes, atol=0.3)  # dequantized by other noise
    np.testing.assert_allclose(decoder(source.encoded)(codes), back, atol=1e-5)


@pytest.mark.slow
def test_a_diffusion_of_latents_measures_and_draws_images(folder: Path) -> None:
    experiment = loads(diffusion(folder))
    first = gudspec.run(experiment, folder / "diffusion")
    again = gudspec.run(experiment, folder / "diffusion-again")
    assert first.summary["evaluations"][0]["value"] == again.summary["evaluations"][0]["value"]
    assert first.summary["parameters_sha256"] == again.summary["parameters_sha256"]
    with np.load(folder / "diffusion" / "samples" / "drawn.npz") as archive:
        assert archive["images"].shape == (4, 8, 8, 1)
        assert archive["codes"].shape == (4, 4, 4, 2)
        assert archive["frames"].shape == (4, 3, 8, 8, 1)
        np.testing.assert_allclose(archive["frames"][:, -1], archive["images"], atol=1e-5)
    # in bits/dim of images: that of the latents, 32 of 64 dimensions, and what they leave
    source = open_data(experiment).source
    assert source.encoded is not None
    rest = source.test.remainder[:32].mean() / (64 * np.log(2)) + np.log2(8.5)
    assert abs(first.summary["evaluations"][0]["value"] - rest) < 0.5 * 8  # the latents' own share
    assert first.summary["gaussian_bits_per_dim"] > rest
    assert (folder / "diffusion" / "report.html").exists()


@pytest.mark.slow
def test_each_of_several_processes_decodes_with_the_whole_autoencoder(folder: Path) -> None:
    spec = folder / "latents.yaml"
    spec.write_text(diffusion(folder))
    arguments = ("run", spec, "--workdir", folder / "of-two", "--set", "evaluate=[]")
    cluster.succeed(*arguments, processes=2)
    with np.load(folder / "of-two" / "samples" / "drawn.npz") as archive:
        assert archive["images"].shape == (4, 8, 8, 1)


@pytest.mark.slow
def test_another_autoencoder_is_refused_with_its_hash(folder: Path) -> None:
    other = AUTOENCODER.replace("kind: digits", "kind: gaussian_field, size: 8, count: 64")
    gudspec.run(loads(other, ["sample=[]"]), folder / "other")
    with pytest.raises(DataError, match=r"another autoencoder: design_hash \w{12}… there, \w{12}… in"):
        open_data(loads(diffusion(folder, workdir="other")))
    summary = folder / "autoencoder" / "summary.json"
    text = summary.read_text()
    summary.write_text(json.dumps({**json.loads(text), "parameters_sha256": "0" * 64}))
    try:
        with pytest.raises(DataError, match="parameters_sha256"):
            open_data(loads(diffusion(folder)))
    finally:
        summary.write_text(text)
    with pytest.raises(DataError, match="is no finished run"):
        open_data(loads(diffusion(folder, workdir="nowhere")))
    with pytest.raises(DataError, match=r"holds latents of \[4, 4, 2\], not \[8, 8, 2\]"):
        open_data(loads(diffusion(folder), ["data.source.shape=[8, 8, 2]"]))


@pytest.mark.slow
def test_only_an_autoencoder_encodes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = diffusion(folder).replace("evaluate:", "evaluate: [] #").replace("sample:", "sample: [] #")
    gudspec.run(loads(text), folder / "plain")
    with pytest.raises(Refused, match="is no autoencoder"):
        encode(folder / "plain", folder / "none.npz")
    with pytest.raises(SystemExit) as end:
        main(["encode", str(folder / "autoencoder"), "--output", str(folder / "once-more.npz")])
    assert not end.value.code
    assert "kind: latents" in capsys.readouterr().out


@pytest.mark.slow
def test_the_smoke_specs_follow_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The density that the diffusion has learned bounds images better than N(0, 1) does."""
    monkeypatch.setenv("GUDSPEC_RUNS", str(tmp_path))
    specs = Path(__file__).parents[2] / "specs" / "latent"
    first = gudspec.run(load(specs / "smoke_autoencoder.yaml"), tmp_path / "smoke-autoencoder")
    encode(tmp_path / "smoke-autoencoder", tmp_path / "smoke-latents.npz")
    second = gudspec.run(load(specs / "smoke_diffusion.yaml"), tmp_path / "smoke-latent-diffusion")
    elbo, bound = (result.summary["evaluations"][0]["value"] for result in (first, second))
    assert bound < elbo < 4.0


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"train": np.zeros((2, 4, 4, 2), np.float32)}, "which autoencoder it is from"),
        ({"autoencoder": np.array("{}")}, "which autoencoder it is from"),
    ],
)
def test_a_malformed_archive_is_a_diagnostic(arrays: dict, message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "latents.npz", **arrays)
    with pytest.raises(DataError, match=message):
        open_data(loads(diffusion(tmp_path)))
    (tmp_path / "latents.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read"):
        open_data(loads(diffusion(tmp_path)))
