"""What is counted in a trace, against hand counts and against XLA."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from gudspec.ahead.work import Work, work
from gudspec.program.abstract import programs
from gudspec.program.compiler import compile
from gudspec.spec.load import load, loads


def shaped(*shape: int) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def of(function: Callable[..., Any], *arguments: jax.ShapeDtypeStruct) -> Work:
    return work(jax.jit(function).trace(*arguments).jaxpr.jaxpr)


# ── arithmetic, by hand ─────────────────────────────────────────────────────────────────────────────


def test_a_product_of_matrices() -> None:
    assert of(jnp.matmul, shaped(5, 7), shaped(7, 11)).flops == 2 * 5 * 7 * 11


def test_a_product_and_its_gradient_are_three_products() -> None:
    def loss(x: jax.Array, w: jax.Array) -> jax.Array:
        return jnp.sum(x @ w)

    found = of(jax.value_and_grad(loss, argnums=(0, 1)), shaped(5, 7), shaped(7, 11))
    assert 3 * 2 * 5 * 7 * 11 <= found.flops < 3 * 2 * 5 * 7 * 11 + 4 * 5 * 11  # and the sum and what it broadcasts


def test_a_convolution_leaves_its_padding_out() -> None:
    def convolve(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    # along each axis of 4 the three taps meet 3 + 4 + 3 numbers of the image
    assert of(convolve, shaped(2, 4, 4, 3), shaped(3, 3, 3, 5)).flops == 2 * 2 * 3 * 5 * 10 * 10


def test_loops_count_as_often_as_they_turn() -> None:
    def scan(x: jax.Array) -> jax.Array:
        return lax.scan(lambda c, _: (c @ c, None), x, length=9)[0]

    assert of(scan, shaped(6, 6)).flops == pytest.approx(9 * 2 * 6**3, rel=0.01)


def test_loops_of_unknown_length_are_counted_apart() -> None:
    def until(x: jax.Array) -> jax.Array:
        return lax.while_loop(lambda c: c.sum() < 9, lambda c: c @ c, x)

    found = of(until, shaped(6, 6))
    assert found.flops < 100
    assert found.looped_flops == 2 * 6**3
    assert found.total(10)[0] - found.total(0)[0] == 10 * 2 * 6**3


def test_of_branches_the_longest_counts() -> None:
    def either(x: jax.Array) -> jax.Array:
        return lax.cond(x[0, 0] > 0, lambda x: x @ x, lambda x: x + 1, x)

    assert of(either, shaped(6, 6)).flops == pytest.approx(2 * 6**3, rel=0.05)


# ── memory and traffic, by hand ─────────────────────────────────────────────────────────────────────


def test_what_elementwise_operations_make_is_not_stored() -> None:
    found = of(lambda x: jnp.tanh(jnp.exp(x) + 1) * 2, shaped(1000))
    assert found.temporary == 4000  # the result
    assert found.traffic == 2 * 4000  # read once, written once


def test_products_live_until_they_are_read() -> None:
    def chain(x: jax.Array) -> jax.Array:
        return jnp.sum(((x @ x) @ x) @ x)

    assert of(chain, shaped(100, 100)).temporary == 2 * 40_000  # each dies where the next is made


def test_a_gradient_keeps_the_activations() -> None:
    def loss(w: jax.Array, x: jax.Array) -> jax.Array:
        for _ in range(8):
            x = jnp.tanh(x @ w)
        return jnp.sum(x)

    forward, backward = of(loss, shaped(10, 10), shaped(1000, 10)), of(jax.grad(loss), shaped(10, 10), shaped(1000, 10))
    assert forward.temporary < 3 * 40_000
    assert 8 * 40_000 <= backward.temporary < 12 * 40_000


# ── against XLA ─────────────────────────────────────────────────────────────────────────────────────

TINY = """\
gudspec: 1
name: tiny
data: {source: {kind: gaussian_field, size: 8, channels: 1}}
design: {basis: {kind: pixel}, schedule: {kind: linear, gamma: {min: -9, max: 9}}}
network: {kind: unet, channels: 8, multipliers: [1], blocks: 1, attention: 0, heads: 1, state: 8, mixer_layers: 0}
train: {batch_size: 64}
evaluate: [{name: bound, kind: bound, times: 4, batch_size: 64}]
sample: [{name: few, count: 64, sampler: {kind: ddim, steps: 5}}]
"""


def against_xla(call: Any, factor: float) -> None:
    traced = call.trace()
    found, compiled = work(traced.jaxpr.jaxpr), traced.lower().compile()
    planned = compiled.memory_analysis()
    needed = planned.temp_size_in_bytes + planned.output_size_in_bytes - planned.alias_size_in_bytes
    assert needed / factor < found.temporary < factor * needed, call.name
    if call.name == "train":  # XLA counts the inside of loops once
        assert found.flops == pytest.approx(compiled.cost_analysis()["flops"], rel=0.05)


def test_layers_against_xla() -> None:
    def loss(weights: list[jax.Array], x: jax.Array) -> jax.Array:
        for w in weights:
            x = jax.nn.gelu(x @ w)
        return jnp.mean(x**2)

    traced = jax.jit(jax.value_and_grad(loss)).trace([shaped(64, 64)] * 6, shaped(4096, 64))
    found, compiled = work(traced.jaxpr.jaxpr), traced.lower().compile()
    planned = compiled.memory_analysis()
    assert found.flops == pytest.approx(compiled.cost_analysis()["flops"], rel=0.15)
    needed = planned.temp_size_in_bytes + planned.output_size_in_bytes
    assert needed / 1.5 < found.temporary < 1.5 * needed


@pytest.mark.parametrize(
    "name", ["sample/few", *(pytest.param(name, marks=pytest.mark.slow) for name in ("train", "evaluate/bound"))]
)
def test_a_small_program_against_xla(name: str) -> None:
    against_xla(next(call for call in programs(compile(loads(TINY))) if call.name == name), factor=1.5)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "factor"), [("train", 1.25), ("sample/digits", 1.4), ("evaluate/nll", 1.25)])
def test_the_quickstart_against_xla(name: str, factor: float) -> None:
    """Of samplers, XLA keeps the matrices of convolutions on tiny grids, which every step has in common."""
    experiment = load("specs/quickstart.yaml")
    against_xla(next(call for call in programs(compile(experiment)) if call.name == name), factor)
