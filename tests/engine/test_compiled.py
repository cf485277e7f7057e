"""A program that all processes compile."""

import jax
import jax.numpy as jnp
import pytest

from gudspec.engine.compiled import Compiled


def test_arithmetic_in_a_loop_counts_as_often_as_it_turns() -> None:
    matrix = jnp.eye(64)
    program = Compiled(jax.jit(lambda x: jax.lax.scan(lambda x, _: (x @ matrix, None), x, length=10)[0]))
    program(matrix)
    assert program.flops == pytest.approx(10 * 2 * 64**3, rel=0.01)
