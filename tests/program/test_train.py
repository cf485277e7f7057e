"""The train step: what it does to the state, and what its numbers depend on."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

import gudspec
from gudspec.program.design import Statistics
from gudspec.program.optimizer import learning_rate
from gudspec.program.program import Program
from gudspec.spec.load import loads
from gudspec.spec.models.results import Bound
from gudspec.spec.models.training import Optimizer, Phase, Train

TEXT = """
gudspec: 1
name: tiny
data: {source: {kind: digits}}
design:
  basis: {kind: pca}
  schedule: {kind: soft_linear, inverse_softness: {low: 0.5, high: 1.5, value: 1.0}}
network: {kind: unet, channels: 4, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {steps: 10, ema: 0.9, batch_size: 8}
"""
SHAPE = (8, 8, 1)
BATCH = {"pixels": np.random.default_rng(0).integers(0, 17, size=(8, *SHAPE)).astype(np.uint8)}


@cache
def statistics() -> Statistics:
    variance = np.geomspace(1, 1e-3, 64).reshape(SHAPE).astype(np.float32)
    return Statistics(np.zeros(SHAPE, np.float32), np.eye(64, dtype=np.float32), variance, np.array([1e-3, 1.0]))


@cache
def tiny() -> Program:
    return gudspec.compile(loads(TEXT))


def fresh() -> object:
    return tiny().init(jax.random.key(0))


def test_a_step_updates_everything() -> None:
    before = jax.tree.map(np.asarray, fresh()._replace(key=None))
    after, metrics = tiny().train_step(fresh(), BATCH, statistics())
    assert int(after.step) == 1
    assert np.isfinite(float(metrics["loss"]))
    assert float(metrics["gradient_norm"]) > 0
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), before.parameters, after.parameters)
    assert any(jax.tree.leaves(moved))
    expected = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, before.ema, after.parameters)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), after.ema, expected)


def test_the_step_is_a_function_of_state_and_batch() -> None:
    first, _ = tiny().train_step(fresh(), BATCH, statistics())
    second, _ = tiny().train_step(fresh(), BATCH, statistics())
    same = jax.tree.map(lambda a, b: np.array_equal(np.asarray(a), np.asarray(b)), first.parameters, second.parameters)
    assert all(jax.tree.leaves(same))


def test_noise_differs_from_step_to_step() -> None:
    program, state = tiny(), fresh()
    losses = [
        float(program.loss(state.parameters, jax.random.fold_in(state.key, step), BATCH, statistics()))
        for step in range(2)
    ]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("prediction", "weight"), [("epsilon", "uniform"), ("x", "x"), ("v", "v"), ("edm", "likelihood")]
)
def test_every_objective_has_a_finite_loss_and_gradient(prediction: str, weight: str) -> None:
    program = gudspec.compile(loads(TEXT, [f"objective.prediction={prediction}", f"objective.weight={weight}"]))
    state = program.init(jax.random.key(0))
    value, gradient = jax.jit(jax.value_and_grad(program.loss))(
        state.parameters, jax.random.key(1), BATCH, statistics()
    )
    assert np.isfinite(float(value))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))


def test_one_compilation_for_every_value_of_a_parameter() -> None:
    """Swept parameters are arguments of the compiled program: a heat map compiles once."""
    from gudspec.spec.models.results import Bound

    program = tiny()
    evaluate = program.evaluation(Bound(kind="bound", name="b", times=2))
    parameters = fresh().ema
    values = [
        float(
            evaluate(
                parameters,
                statistics(),
                BATCH,
                jax.random.key(0),
                program.at({"design.schedule.inverse_softness": a}),
            ).mean()
        )
        for a in (0.5, 1.0, 1.5)
    ]
    assert len(set(values)) == 3
    assert evaluate._cache_size() == 1  # type: ignore[attr-defined]


def test_statistics_are_arguments() -> None:
    """The compiled step holds none of the data: other statistics of the same shape need no compilation."""
    program = tiny()
    program.train_step(fresh(), BATCH, statistics())
    size = program.train_step._cache_size()
    other = statistics()._replace(variance=2 * statistics().variance)
    program.train_step(fresh(), BATCH, other)
    assert program.train_step._cache_size() == size


def test_tokens_on_which_gamma_is_not_constant_are_refused() -> None:
    with pytest.raises(ValueError, match="not constant"):
        gudspec.compile(loads(TEXT, ["network.conditioning=scalar"]))


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_learning_rate(schedule: str) -> None:
    spec = Train(
        steps=80,
        phases=(Phase(steps=20, batch_size=8),),
        optimizer=Optimizer(learning_rate=1.0, schedule=schedule, warmup=10),
    )
    rate = learning_rate(spec)
    np.testing.assert_allclose([rate(s) for s in range(10)], np.arange(1, 11) / 10, rtol=1e-6)
    middle = {"constant": 1.0, "cosine": 0.5, "linear": 0.5}[schedule]
    np.testing.assert_allclose(rate(55), middle, rtol=1e-5)
    np.testing.assert_allclose(rate(100), 1.0 if schedule == "constant" else 0.0, atol=1e-6)


def _products(jaxpr: object) -> set[str]:
    """Types of the inputs of all convolutions and matrix products inside a program."""
    found = set()
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("conv_general_dilated", "dot_general"):
            found.add("/".join(str(one.aval.dtype) for one in equation.invars))
        for inner in jaxprs_in_params(equation.params):
            found |= _products(inner)
    return found


def test_bfloat16_is_for_the_network_in_training_alone() -> None:
    """Convolutions of the step are narrow, those of evaluations are not; the state and the loss stay in float32."""
    narrow = gudspec.compile(loads(TEXT, ["train.compute=bfloat16"]))
    (state, metrics), (expected, known) = (one.train_step(fresh(), BATCH, statistics()) for one in (narrow, tiny()))
    assert {leaf.dtype for leaf in jax.tree.leaves(state._replace(key=0, step=0)) if hasattr(leaf, "dtype")} == {
        leaf.dtype for leaf in jax.tree.leaves(expected._replace(key=0, step=0)) if hasattr(leaf, "dtype")
    }
    assert metrics["loss"].dtype == jnp.float32
    # 8 bits of precision, in a network whose last layer begins at zero
    np.testing.assert_allclose(metrics["loss"], known["loss"], rtol=1e-2)
    np.testing.assert_allclose(metrics["gradient_norm"], known["gradient_norm"], rtol=5e-2)
    assert float(metrics["gradient_norm"]) != float(known["gradient_norm"])

    taken = (fresh().parameters, jax.random.key(0), BATCH, statistics())
    assert "bfloat16/bfloat16" in _products(jax.make_jaxpr(narrow.loss)(*taken).jaxpr)
    assert "bfloat16/bfloat16" not in _products(jax.make_jaxpr(tiny().loss)(*taken).jaxpr)
    bound = Bound(name="b", kind="bound", times=2)
    given = (fresh().ema, statistics(), BATCH, jax.random.key(0), narrow.at())
    assert _products(jax.make_jaxpr(narrow.evaluation(bound))(*given).jaxpr) == {"float32/float32"}
