"""A path that is learned together with the network."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import gudspec
from gudspec.program.design import Statistics
from gudspec.spec.load import loads

pytestmark = pytest.mark.usefixtures("compiled_fast")

TEXT = """
gudspec: 1
name: learned
data: {source: {kind: gaussian_field, size: 4}}
design: {schedule: {kind: learned, by: columns, pieces: 6, gamma: {min: -8, max: 5}}}
objective: {weight: likelihood, time: low_discrepancy}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 10, ema: 0.9, batch_size: 512, optimizer: {learning_rate: 0.05, warmup: 0}}
"""
SHAPE = (4, 4, 1)
STATISTICS = Statistics(
    np.zeros(SHAPE, np.float32), np.zeros((0, 0), np.float32), np.ones(SHAPE, np.float32), np.ones(2)
)


def test_its_shape_is_trained_averaged_and_used_with_the_network() -> None:
    program = gudspec.compile(loads(TEXT))
    state = program.init(jax.random.key(0))
    batch = {"pixels": np.random.default_rng(0).normal(size=(512, *SHAPE)).astype(np.float32)}
    assert not np.any(state.parameters["path"]["rises"])
    for _ in range(3):
        state, _ = program.train_step(state, batch, STATISTICS)
    rises = np.asarray(state.parameters["path"]["rises"])
    assert rises.shape == (6, 4)
    assert np.abs(rises).min() > 0
    assert 0 < np.abs(state.ema["path"]["rises"]).max() < np.abs(rises).max()
    path = program.process(STATISTICS, state.parameters).path
    t = jnp.linspace(0, 1, 25)
    gamma = np.asarray(path.gamma(t, {}))
    np.testing.assert_allclose(gamma[[0, -1]], [[-8.0] * 4, [5.0] * 4], atol=1e-4)
    assert (np.diff(gamma, axis=0) > 0).all()
    straight = np.asarray(program.process(STATISTICS).path.gamma(t, {}))
    assert np.abs(gamma - straight).max() > 1e-2


def test_training_it_lowers_the_bound() -> None:
    """A denoiser blind to its neighbours and wrong at strong noise in two columns: a better order of noising exists.

    ε̂ = σχ is exact for white data of variance 1. Scaled down in half of the columns wherever the first column is
    noisy, it costs least on a path that noises those columns first, and the path finds that out.
    """

    def denoiser(parameters, process, statistics, dropout_key):
        def denoise(chi, gamma, condition):
            trust = jax.nn.sigmoid(-gamma[:, :, :1])  # of column 1
            exact = jnp.sqrt(jax.nn.sigmoid(gamma)) * chi
            return exact * jnp.where(jnp.arange(4)[:, None] >= 2, trust, 1.0)

        return denoise

    program = replace(gudspec.compile(loads(TEXT)), denoiser=denoiser)
    batch = {"pixels": np.random.default_rng(0).normal(size=(4096, *SHAPE)).astype(np.float32)}

    @jax.jit
    def bound(parameters, key):
        return program.loss(parameters, key, batch, STATISTICS)

    parameters = {"path": {"rises": jnp.asarray(program.design.rises)}}
    keys = jax.random.split(jax.random.key(7), 8)
    before = np.mean([bound(parameters, key) for key in keys])
    gradient = jax.jit(jax.grad(partial(program.loss, batch=batch, statistics=STATISTICS)))
    for step in range(40):
        slope = gradient(parameters, jax.random.fold_in(jax.random.key(3), step))
        parameters = jax.tree.map(lambda w, g: w - 2.0 * g, parameters, slope)
    after = np.mean([bound(parameters, key) for key in keys])
    assert after < 0.9 * before
    gamma = program.process(STATISTICS, parameters).path.gamma(jnp.array([0.5]), {})[0]
    assert min(gamma[2:]) > max(gamma[0], -1.5)  # what needs clean neighbours is noised first


@pytest.mark.parametrize("by", ["columns", "rows", "components"])
def test_tokens_follow_its_groups(by: str) -> None:
    program = gudspec.compile(loads(TEXT.replace("by: columns", f"by: {by}")))
    assert program.design.rises.shape == (6, {"components": 16}.get(by, 4))
    assert program.tokens.count == program.design.rises.shape[1]
