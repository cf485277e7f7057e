"""Levels that are dropped on the way: programs on coarser grids, and what they may not change."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import gudspec
from gudspec.network.separate import Separate
from gudspec.network.unet import Unet
from gudspec.process.arrays import Array
from gudspec.process.paths import Held
from gudspec.process.process import Process
from gudspec.program.denoiser import Denoise
from gudspec.program.design import Statistics
from gudspec.program.program import Program
from gudspec.program.segments import resting
from gudspec.spec.load import loads

pytestmark = pytest.mark.usefixtures("compiled_fast")

TURNING = (0.25, 0.75)
DVDP = "{kind: dvdp, turning: [0.25, 0.75], base: {kind: linear, gamma: {min: -9, max: 5}}}"


def program(segments: str = "auto", schedule: str = DVDP, more: str = "") -> Program:
    text = f"""
        gudspec: 1
        name: segments
        data: {{source: {{kind: gaussian_field, size: 8, count: 512}}}}
        design: {{basis: {{kind: haar, levels: 2}}, schedule: {schedule}, segments: {segments}}}
        network: {{kind: unet, channels: 8, multipliers: [1, 2, 2], blocks: 1, heads: 1, state: 8, mixer_layers: 0}}
        {more or "train: {steps: 1, batch_size: 32}"}
    """
    return gudspec.compile(loads(text))


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (DVDP, [(0.0, 0.25, 0), (0.25, 0.75, 1), (0.75, 1.0, 2)]),
        ("{kind: hierarchical, inverse_softness: {levels: 0.8, columns: 0.0}}", None),
        # over a trained range, as late as any of its members
        ("{kind: hierarchical, inverse_softness: {levels: {low: 0.2, high: 0.8, value: 0.8}, columns: 0.0}}", None),
        ("{kind: linear}", [(0.0, 1.0, 0)]),
        ("{kind: sequential, ordering: {kind: level}, inverse_softness: 0.5}", None),
    ],
    ids=["dvdp", "hierarchical", "hierarchical, a range", "linear", "by level"],
)
def test_a_level_is_dropped_when_all_of_it_has_arrived(schedule: str, expected: list[tuple] | None) -> None:
    """γ of what is dropped does not move any more in the segment, whatever the parameters; just before, it does."""
    compiled = program(schedule=schedule)
    segments = compiled.design.segments
    if expected:
        np.testing.assert_allclose(segments, expected)
        return
    assert [segment.halvings for segment in segments] == list(range(len(segments)))
    assert len(segments) > 1
    statistics = known_of(compiled)
    path = compiled.design.path(statistics)
    ends = [
        {name.removeprefix("design.schedule."): getattr(bounds, end) for name, bounds in compiled.bounds.items()}
        for end in ("low", "high")
    ]
    before = []
    for start, _, halvings in segments[1:]:
        rests = resting(compiled.shape, halvings)
        times = np.array([start - 0.02, start, 1.0])
        gammas = [path.groups.expand(path.gamma(times, at))[:, rests] for at in ends]
        for gamma in gammas:
            np.testing.assert_allclose(gamma[1], gamma[2], atol=1e-5)
        before.append(max(np.abs(gamma[1] - gamma[0]).max() for gamma in gammas))
    assert min(before) > 1e-3


def known_of(compiled: Program) -> Statistics:
    from gudspec.engine.prepare import open_data, statistics_of

    return statistics_of(open_data(compiled.experiment))


def test_training_takes_every_segment_by_its_length() -> None:
    """For a denoiser that says nothing each moving component costs E ε² = 1, each resting one 0."""
    compiled = replace(program(), denoiser=lambda *_: lambda chi, gamma, condition: jnp.zeros_like(chi))
    statistics = known_of(compiled)
    batch = {"pixels": jax.random.normal(jax.random.key(0), (32, 8, 8, 1))}
    loss = jax.jit(lambda key: compiled.loss({}, key, batch, statistics))
    measured = np.mean([loss(jax.random.key(seed)) for seed in range(200)])
    expected = 0.25 * 1 + 0.5 / 4 + 0.25 / 16
    assert measured == pytest.approx(expected, rel=0.01)


def test_noising_states_of_a_segment_are_those_of_its_times() -> None:
    """The network of n halvings sees images of its grid, at times of its segment, the dropped ones at the prior."""
    seen: list[tuple] = []

    def denoiser(parameters: Any, process: Process, statistics: Statistics, key: Any) -> Denoise:
        def denoise(chi: Array, gamma: Array, condition: Any) -> Array:
            seen.append((process, chi.shape, gamma))
            return jnp.zeros_like(chi)

        return denoise

    compiled = replace(program(), denoiser=denoiser)
    statistics = known_of(compiled)
    with jax.disable_jit():
        compiled.loss({}, jax.random.key(0), {"pixels": jnp.zeros((32, 8, 8, 1))}, statistics)
    assert [shape[0] for _, shape, _ in seen] == [8, 16, 8]
    for (process, _, gamma), segment in zip(seen, compiled.design.segments, strict=True):
        rests = resting(compiled.shape, segment.halvings)
        base = process.path.base if isinstance(process.path, Held) else process.path
        low, high = (np.asarray(base.groups.expand(base.gamma(np.array([t]), {})))[0] for t in segment[:2])
        gamma = np.broadcast_to(np.asarray(gamma), (len(gamma), *compiled.shape))
        assert (gamma[:, ~rests] >= low[~rests] - 1e-4).all()
        assert (gamma[:, ~rests] <= high[~rests] + 1e-4).all()
        assert (gamma[:, rests] > 20).all()


@pytest.mark.parametrize("grids", ["shared", "separate"])
def test_a_coarse_image_meets_only_the_inner_levels(grids: str) -> None:
    compiled = program()
    state = {"state": 8, "mixer_layers": 0, "mixer_tokens": 256}
    fields = {"blocks": 1, "attention": 4, "heads": 1, "dropout": 0.0, "classes": 0, "rngs": nnx.Rngs(0)} | state
    if grids == "shared":
        network = Unet((8, 8, 1), 3, channels=8, multipliers=(1, 2, 2), coarser=2, **fields)
    else:
        sizes = ((8, (1, 2, 2)), (4, (2, 2)), (2, (2,)))
        network = Separate(Unet((s, s, 1), 3, channels=8, multipliers=m, **fields) for s, m in sizes)
    graph, state = nnx.split(network)
    tokens = jnp.ones((2, 3, 2))
    touched = []
    for halvings in range(3):
        side = 8 >> halvings
        image = jax.random.normal(jax.random.key(1), (2, side, side, 1))

        def loss(state: Any, image: Array = image, halvings: int = halvings) -> Array:
            # a random head in place of the zeros from which it starts, so that gradients reach what is before
            loud = jax.tree.map(partial(jnp.add, 0.1), state)
            out = nnx.merge(graph, loud)(image, tokens, halvings=halvings)
            assert out.shape == image.shape
            return (out**2).sum()

        gradient = jax.grad(loss)(state)
        touched.append(
            {
                jax.tree_util.keystr(path)
                for path, leaf in jax.tree_util.tree_leaves_with_path(gradient)
                if np.abs(leaf).max() > 0
            }
        )
    assert compiled.experiment.network.grids == "shared"
    if grids == "separate":
        assert not touched[0] & touched[1]
        assert not touched[1] & touched[2]
    else:
        trunk = {name for name in touched[2] if "entries" not in name}
        assert trunk < touched[0]
        assert any("down" in name for name in trunk)
        assert not any(name in touched[1] for name in touched[0] if name.startswith("['stem']"))
        assert len(touched[2]) < len(touched[1]) < len(touched[0])


@pytest.mark.parametrize(
    ("segments", "more", "problem"),
    [
        ("[0.2, 0.4, 0.6]", "", "drops 3 levels"),
        ("auto", "objective: {measure: {kind: independent}}", "measure"),
        ("auto", "train: {steps: 1, batch_size: 33}", "divide a batch of 33"),
        ("auto", "train: {steps: 1, batch_size: 32, accumulate: 3}", "divide a batch of 32 in 3 parts"),
    ],
)
def test_what_does_not_fit_is_refused(segments: str, more: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        program(segments, more=more)


def test_tasks_that_hold_components_need_the_whole_grid() -> None:
    from gudspec.spec.models import tasks
    from gudspec.spec.models.results import Sample

    with pytest.raises(ValueError, match=r"segments: off"):
        program().drawing(Sample(name="s", task=tasks.Upscale(kind="upscale")))


def test_dropping_independent_components_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """However early: what is drawn in their place has their variance. The closed form is that of the whole grid.

    Half of the components' variance is left at t = 0.3, so that noise of variance 1 would cost a lot.
    """
    from gudspec.engine.prepare import open_data
    from gudspec.verify.gaussian import gaussian_data
    from gudspec.verify.programs import check_bound, check_likelihood

    monkeypatch.setattr("gudspec.verify.gaussian.LARGEST_FULL", 0)  # takes components to be independent
    linear = "{kind: linear, gamma: {min: -9, max: 9}}"
    whole, dropping = (gaussian_data(open_data(program(chosen, linear).experiment)) for chosen in ("off", "[0.3, 0.6]"))
    gamma = np.asarray(dropping.process.gamma(np.array([0.3]), {})).item()
    assert 1 / (1 + np.exp(gamma)) > 0.5
    for check, tolerance in ((check_likelihood, 1e-3), (check_bound, 0.03)):
        (expected,), (found,) = check(whole), check(dropping)
        assert found.measured == pytest.approx(expected.expected, abs=tolerance)
        assert found.expected == pytest.approx(expected.expected, abs=1e-3)


@pytest.mark.slow
def test_there_and_back_again() -> None:
    """With the exact score the way through all segments is a bijection: images come back, dropped levels included."""
    from gudspec.engine.prepare import open_data
    from gudspec.spec.models import samplers, tasks
    from gudspec.spec.models.results import Sample
    from gudspec.verify.gaussian import gaussian_data

    data = gaussian_data(open_data(program().experiment))
    flow = samplers.Ode(kind="ode", solver="tsit5", rtol=1e-5, atol=1e-5)
    draw = data.program.drawing(Sample(name="s", task=tasks.Roundtrip(kind="roundtrip"), sampler=flow))
    images = data.images(data.points())
    pixels = {"pixels": images}
    drawn = draw({}, data.statistics, jax.random.key(0), data.parameters, pixels, count=len(images))
    np.testing.assert_allclose(drawn["images"], images, atol=2e-3 * np.abs(images).max())
    latents = np.asarray(drawn["latents"]).reshape(len(images), -1)
    covariance = latents.T @ latents / len(latents)
    np.testing.assert_allclose(np.diag(covariance), 1.0, atol=0.06)
