"""The adaptive solver and its quadrature against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.program.solver import Solution, solve

NONE = jnp.zeros(0)


def solved(start: float, stop: float, tolerance: float, breakpoints: jax.Array = NONE) -> Solution:
    """Dy/dt = −y cos t, times 3 after the breakpoints, with ∫ y² cos t dt."""

    def faster(t: jax.Array) -> jax.Array:
        return jnp.where((t > breakpoints).any(), 3.0, 1.0) if breakpoints.size else jnp.float32(1.0)

    return jax.jit(
        lambda y: solve(
            lambda t, y: -faster(t) * y * jnp.cos(t),
            y,
            start,
            stop,
            breakpoints,
            tolerance,
            tolerance,
            lambda t, y, _: (faster(t) * y**2 * jnp.cos(t)).sum(axis=1),
        )
    )(jnp.array([[1.0, 0.5], [2.0, -1.0]]))


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (1.0, 0.0), (0.2, 0.9)])
def test_the_solution_and_the_integral_are_those_of_the_closed_form(start: float, stop: float) -> None:
    """y(t) = y₀ exp(sin t₀ − sin t) and ∫ y² cos dt = (y₀² − y²)/2, forwards and backwards."""
    found, y = solved(start, stop, 1e-6), np.array([[1.0, 0.5], [2.0, -1.0]])
    expected = y * np.exp(np.sin(start) - np.sin(stop))
    assert found.solved
    np.testing.assert_allclose(found.state, expected, rtol=2e-6)
    np.testing.assert_allclose(found.integral, ((y**2 - expected**2) / 2).sum(axis=1), rtol=5e-6)


@pytest.mark.parametrize(("start", "stop"), [(0.0, 1.0), (1.0, 0.0)])
def test_steps_end_at_jumps(start: float, stop: float) -> None:
    """The rate jumps at t = 0.37 from 1 to 3, or back: a step across it would be rejected again and again."""
    found = solved(start, stop, 1e-6, jnp.array([0.37]))
    y, jump = np.array([[1.0, 0.5], [2.0, -1.0]]), np.sin(0.37)
    exponent = jump + 3 * (np.sin(1) - jump)
    expected = y * np.exp(-exponent if start < stop else exponent)
    np.testing.assert_allclose(found.state, expected, rtol=5e-6)
    np.testing.assert_allclose(found.integral, ((y**2 - expected**2) / 2).sum(axis=1), rtol=2e-5)
    assert found.steps <= solved(start, stop, 1e-6).steps * 3


def test_what_begins_a_little_later_is_seen() -> None:
    """Nothing is seen of it at t = 0, nor by the stages of a step all the way."""
    y = jnp.ones((1, 1))

    def field(t: jax.Array, y: jax.Array) -> jax.Array:
        return (1e-6 + jnp.exp(-(((t - 0.2) / 0.05) ** 2))) * jnp.ones_like(y)

    found = jax.jit(lambda y: solve(field, y, 0.0, 1.0, NONE, 1e-3, 1e-3))(y)
    np.testing.assert_allclose(found.state, 1 + 0.05 * np.sqrt(np.pi), atol=0.01)


@pytest.mark.parametrize(("start", "stop"), [(0.0, 0.37), (0.37, 0.0), (0.37, 1.0), (1.0, 0.37)])
def test_what_is_beyond_a_jump_at_an_end_is_not_seen(start: float, stop: float) -> None:
    """There dy/dt is 0 and beyond it is not: whoever asks at the jump itself may get either."""
    lower = min(start, stop) < 0.37

    def field(t: jax.Array, y: jax.Array) -> jax.Array:
        beyond = t >= 0.37 if lower else t <= 0.37
        return jnp.where(beyond, 80.0, 0.0) * jnp.ones_like(y)

    y = jnp.array([[1.0, 0.5], [2.0, -1.0]])
    found = jax.jit(lambda y: solve(field, y, start, stop, jnp.array([0.37]), 1e-4, 1e-4))(y)
    assert found.solved
    np.testing.assert_array_equal(found.state, y)


def test_a_solve_that_gives_up_says_so() -> None:
    assert not solved(0.0, 1.0, 1e-14).solved


def test_what_is_not_a_number_ends_a_solve_at_once() -> None:
    found = jax.jit(lambda y: solve(lambda t, y: jnp.where(t > 0.5, jnp.nan, 1.0) * y, y, 0.0, 1.0, NONE, 1e-4, 1e-4))(
        jnp.ones((1, 1))
    )
    assert not found.solved
    assert found.steps < 30


def test_the_integrand_is_asked_in_accepted_steps_alone() -> None:
    """Every evaluation has a number of its own, from 0 to three times the accepted steps."""
    seen: list[int] = []

    def integrand(t: jax.Array, y: jax.Array, number: jax.Array) -> jax.Array:
        jax.debug.callback(lambda number: seen.append(int(number)), number)
        return y[:, 0]

    # a stiff start and a smooth end: steps that grow too fast are rejected
    found = jax.jit(lambda y: solve(lambda t, y: -y * 40 * jnp.cos(30 * t), y, 0.0, 1.0, NONE, 1e-4, 1e-4, integrand))(
        jnp.ones((1, 1))
    )
    jax.effects_barrier()
    assert found.accepted < found.steps, "no step was rejected: the test says nothing"
    assert sorted(seen) == list(range(3 * int(found.accepted)))
