"""The adaptive ODE solver, from diffrax."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array

if TYPE_CHECKING:
    import diffrax

__all__ = ["solve"]

_MAX_STEPS = 4096


def _worst_image(error: Any) -> Array:
    """Largest root mean square over the images of a batch: one step size, in which every image keeps its tolerance."""
    leaves = jax.tree.leaves(error)
    return jnp.max(jnp.stack([jnp.max(jnp.mean(leaf.reshape(len(leaf), -1) ** 2, axis=1)) for leaf in leaves])) ** 0.5


def solve(
    field: Callable[[Array, Any, None], Any],
    state: Any,
    start: Array | float,
    stop: Array | float,
    breakpoints: Array,
    rtol: float,
    atol: float,
) -> tuple[Any, diffrax.Solution]:
    """Solves dy/dt = field(t, y) by Tsitouras' 5/4 method as one system over the batch.

    Args:
        field: the vector field, (t, y, None) → dy/dt.
        state: y(start), arrays with a leading axis of images.
        start: first time.
        stop: last time; may be the smaller one.
        breakpoints: times at which the field jumps, [K]; steps end on them and the derivatives stay one-sided.
        rtol: relative tolerance.
        atol: absolute tolerance.

    Returns:
        y(stop) and diffrax's solution, whose `result` says whether the solver succeeded.
    """
    import diffrax  # a third of a second, which no training has to wait for

    controller: Any = diffrax.PIDController(rtol, atol, norm=_worst_image)
    if breakpoints.size:
        controller = diffrax.ClipStepSizeController(
            controller, jump_ts=jnp.sort(jnp.clip(breakpoints, jnp.minimum(start, stop), jnp.maximum(start, stop)))
        )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Tsit5(),
        t0=start,
        t1=stop,
        dt0=0.01 * jnp.sign(jnp.asarray(stop) - jnp.asarray(start)),
        y0=state,
        stepsize_controller=controller,
        max_steps=_MAX_STEPS,
        throw=False,
    )
    return jax.tree.map(lambda leaf: leaf[-1], solution.ys), solution
