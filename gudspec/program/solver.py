"""The adaptive ODE solver: Tsitouras' 5/4 method and step sizes from diffrax, integrals along the solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array

__all__ = ["Solution", "solve"]

_NODES, _WEIGHTS = (values / 2 for values in np.polynomial.legendre.leggauss(3))
"""Gauss–Legendre quadrature on [−½, ½], exact for polynomials of degree 5."""

_MAX_STEPS = 4096
_STAGES = 6
"""Evaluations of the field in a step; the seventh of Tsitouras' is the first of the next step."""
_FIRST_STEP = 0.01
"""Short, since a field that is 0 until a component begins to move says nothing of it."""
_INSIDE = 5e-7
"""How far inside the way the field is asked for at its ends, which may be kinks: some units of float32's last place."""
_SHORTEST = 1e-6
"""What is left of the way at most when a step goes to its end."""


class Solution(NamedTuple):
    """Result of a solve."""

    state: Any
    """y at the last time."""
    integral: Array
    """∫ of the integrand along the way, [b]; 0 if there is none."""
    steps: Array
    """How many steps were tried."""
    accepted: Array
    """How many of them were taken."""
    evaluations: Array
    """How often the field, or the integrand, was evaluated; those that jumps cost more are not counted."""
    solved: Array
    """Whether the last time was reached, bool."""


def solve(
    field: Callable[[Array, Any], Any],
    state: Any,
    start: Array | float,
    stop: Array | float,
    breakpoints: Array,
    rtol: float,
    atol: float,
    integrand: Callable[[Array, Any, Array], Array] | None = None,
) -> Solution:
    """Solves dy/dt = field(t, y) by Tsitouras' 5/4 method as one system over the batch.

    An integral along the solution is taken by Gauss–Legendre quadrature in each step, after it has been accepted: an
    integrand that costs more than the field is evaluated less often than that, and may be noisy without the step sizes
    following its noise. Its error is of sixth order in the steps.

    Args:
        field: the vector field, (t, y) → dy/dt.
        state: y(start), arrays with a leading axis of images, or of length 1.
        start: first time.
        stop: last time; may be the smaller one.
        breakpoints: times at which the field jumps, [K]; steps end on them and the derivatives stay one-sided, at the
            ends of the way too.
        rtol: relative tolerance.
        atol: absolute tolerance.
        integrand: what is integrated along the way, (t, y, number of the evaluation) → [b].

    Returns:
        y(stop), the integral, what it took, and whether `stop` was reached.
    """
    import diffrax  # a third of a second, which no training has to wait for

    # time runs upwards: t = sign · s, which loses nothing where steps end right before and after a kink
    sign = jnp.where(jnp.asarray(start) <= stop, 1.0, -1.0)
    first, last = sign * start, sign * stop

    def slope(s: Array, y: Any, _: None) -> Any:
        inside = jnp.clip(s, first + _INSIDE, last - _INSIDE)
        return jax.tree.map(lambda value: sign * value, field(sign * inside, y))

    term: Any = diffrax.ODETerm(slope)
    method = diffrax.Tsit5()
    order = method.error_order(term)
    controller: Any = diffrax.PIDController(rtol, atol, norm=_worst_image)
    if breakpoints.size:
        jumps = jnp.sort(jnp.clip(sign * breakpoints, first, last))
        controller = diffrax.ClipStepSizeController(controller, jump_ts=jumps)

    def to_end(s: Array) -> Array:
        return jnp.where(s > last - _SHORTEST, last, s)

    def along(count: Array, begin: Array, end: Array, dense: Any) -> Array:
        """The integral over a step."""
        assert integrand is not None
        between = method.interpolation_cls(t0=begin, t1=end, **dense)

        def node(index: Array) -> Array:
            s = begin + (0.5 + jnp.asarray(_NODES, begin.dtype)[index]) * (end - begin)
            value = integrand(sign * s, between.evaluate(s), len(_NODES) * count + index)
            return jnp.asarray(_WEIGHTS, begin.dtype)[index] * (end - begin) * value

        # dt = sign · ds
        return sign * jax.lax.map(node, jnp.arange(len(_NODES))).sum(0)

    def step(now: _Step) -> _Step:
        jumped = now.jumped if breakpoints.size else False  # known when compiling, that is one network less
        y, error, dense, memory, _ = method.step(term, now.begin, now.end, now.y, None, now.memory, jumped)
        arguments = (now.begin, now.end, now.y, y, None, error, order, now.control)
        keep, begin, end, jumped, control, _ = controller.adapt_step_size(*arguments)
        integral = now.integral
        if integrand is not None:
            more = jax.lax.cond(
                keep, along, lambda *_: jnp.zeros_like(integral), now.accepted, now.begin, now.end, dense
            )
            integral = integral + more
        new, old = (y, memory, jnp.asarray(jumped)), (now.y, now.memory, now.jumped)
        y, memory, jumped = jax.tree.map(lambda new, old: jnp.where(keep, new, old), new, old)
        accepted = now.accepted + keep
        return _Step(begin, to_end(end), y, memory, control, jumped, integral, now.steps + 1, accepted)

    begin = jnp.asarray(first, float)
    end, control = controller.init(term, begin, last, state, jnp.asarray(_FIRST_STEP, float), None, method.func, order)
    end = to_end(end)
    memory = method.init(term, begin, end, state, None)
    integral = jnp.zeros(len(jax.tree.leaves(state)[0]) if integrand is not None else 0)
    none = jnp.int32(0)
    now = _Step(begin, end, state, memory, control, jnp.bool_(False), integral, none, none)

    def goes_on(now: _Step) -> Array:
        return (now.begin < last) & (now.steps < _MAX_STEPS) & ~jnp.isnan(now.end)  # a field that is not a number

    done = jax.lax.while_loop(goes_on, step, now)
    nodes = len(_NODES) if integrand is not None else 0
    evaluations = 1 + _STAGES * done.steps + nodes * done.accepted
    return Solution(done.y, done.integral, done.steps, done.accepted, evaluations, done.begin >= last)


class _Step(NamedTuple):
    """The next step, and what has been so far."""

    begin: Array
    end: Array
    y: Any
    memory: Any
    """Of the method."""
    control: Any
    """Memory of the step size controller."""
    jumped: Array
    """Whether the field has jumped since the last step."""
    integral: Array
    steps: Array
    accepted: Array


def _worst_image(error: Any) -> Array:
    """Largest root mean square over the images of a batch: one step size, in which every image keeps its tolerance."""
    leaves = jax.tree.leaves(error)
    return jnp.max(jnp.stack([jnp.max(jnp.mean(leaf.reshape(len(leaf), -1) ** 2, axis=1)) for leaf in leaves])) ** 0.5
