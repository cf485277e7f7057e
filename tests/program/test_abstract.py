"""The abstract arguments are those of a run: the same shapes and types of state, statistics and batches."""

from pathlib import Path

import jax
import numpy as np
import pytest

from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program import abstract
from gudspec.program.compiler import compile
from gudspec.program.keys import root
from gudspec.spec.load import loads

pytestmark = pytest.mark.usefixtures("compiled_fast")

BEGIN = """\
gudspec: 1
name: abstract
data: {source: {kind: digits}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {batch_size: 8}
"""


def shapes(tree: object) -> list[tuple[tuple[int, ...], np.dtype]]:
    return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / "cache"))
    np.save("axes.npy", np.eye(64))
    np.save("scale.npy", np.ones((8, 8, 1)))
    np.save("order.npy", np.arange(64.0).reshape(8, 8, 1))


@pytest.mark.parametrize(
    "design",
    [
        "{basis: {kind: pixel}}",
        "{basis: {kind: pca}}",
        "{basis: {kind: pca, colors: mixed}}",
        "{basis: {kind: matrix, path: axes.npy}}",
        "{basis: {kind: haar}, prior: {kind: file, path: scale.npy}}",
        "{basis: {kind: pixel}, schedule: {kind: soft_linear, ordering: {kind: file, path: order.npy}}}",
    ],
)
def test_statistics_have_the_shapes_of_real_ones(design: str) -> None:
    experiment = loads(f"{BEGIN}design: {design}\n")
    assert shapes(abstract.statistics(compile(experiment))) == shapes(statistics_of(open_data(experiment)))


def test_batches_and_the_state_have_the_shapes_of_real_ones() -> None:
    experiment = loads(BEGIN)
    program, images = compile(experiment), open_data(experiment).source.train
    assert shapes(abstract.batch(program, 8, labels=True)) == [
        (images.labels[:8].shape, images.labels.dtype),
        (images.pixels[:8].shape, images.pixels.dtype),
    ]
    assert shapes(abstract.state(program)) == shapes(program.init(root(0)))


def test_every_program_is_traced_once() -> None:
    more = """\
train: {batch_size: 8, phases: [{steps: 5, batch_size: 16}, {steps: 5, batch_size: 8}]}
evaluate: [{name: e, kind: bound, times: 2, batch_size: 8}]
sample: [{name: s, count: 4, sampler: {kind: ddim, steps: 2}}]
"""
    text = BEGIN.replace("train: {batch_size: 8}\n", more)
    assert list(abstract.trace(loads(text))) == ["init", "train", "train/1", "evaluate/e", "sample/s"]


def test_sources_that_do_not_tell_need_a_shape() -> None:
    text = BEGIN.replace("{kind: digits}", "{kind: npz, path: a.npz}")
    with pytest.raises(ValueError, match="shape"):
        abstract.trace(loads(text))
    assert "train" in abstract.trace(loads(text), shape=(8, 8, 1), classes=3)
