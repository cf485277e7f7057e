"""Strips of any length from a path that goes over the columns, or rows, one after the other (GUD, App. C)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.extension import window_time
from gudspec.program.keys import fold
from gudspec.spec.models import tasks as spec

if TYPE_CHECKING:
    from gudspec.program.tasks import Drawing

__all__ = ["extend"]


def extend(drawing: Drawing, task: spec.Extend) -> Array:
    """Strips of the task's length.

    With Δt = b/(L − 1), the column i of a window has at t − kΔt the noising state that column i − k had at t: what is
    done is cut off on one side, prior noise is appended on the other, and the window is again one at time t.

    Args:
        drawing: the trained run; its path is sequential.
        task: length, stride k and time t.

    Returns:
        [b, H, length, C], or [b, length, W, C] of rows.
    """
    axis, backwards = _direction(drawing)
    count, stride = drawing.shape[axis], task.stride
    b = drawing.parameters["inverse_softness"]
    step = stride * b / (count - 1)
    time = window_time(b, count, stride) if task.time is None else task.time
    windows = -(-max(task.length - count, 0) // stride)

    def parts(chi: Array, at: int) -> tuple[Array, Array]:
        """The first columns in the direction of growth, and the others."""
        first, second = jnp.split(jnp.flip(chi, axis) if backwards else chi, [at], axis=axis)
        return (jnp.flip(first, axis), jnp.flip(second, axis)) if backwards else (first, second)

    def join(first: Array, second: Array) -> Array:
        return jnp.concatenate([second, first] if backwards else [first, second], axis=axis)

    def window(chi: Array, index: Array) -> tuple[Array, Array]:
        key = jax.random.fold_in(fold(drawing.key, "windows"), index)
        moved = replace(drawing, key=key).follow(chi, time, time - step)
        done, rest = parts(moved, stride)
        fresh = jax.random.normal(fold(key, "appended"), done.shape)
        return join(rest, fresh), done

    chi = drawing.follow(drawing.prior, 1.0, time)
    chi, done = jax.lax.scan(window, chi, jnp.arange(windows))
    last = drawing.follow(chi, time, 0.0, name="last window")
    # images of a column depend on that column alone: the mean and scale of the middle serve all of them
    strip = last
    if windows:
        done = jnp.moveaxis(done, 0, axis)  # [..., windows, stride, ...]
        done = jnp.flip(done, axis) if backwards else done
        shape = list(last.shape)
        shape[axis] = windows * stride
        strip = join(done.reshape(shape), last)
    return parts(_to_images(drawing, strip, axis), task.length)[0]


def _direction(drawing: Drawing) -> tuple[int, bool]:
    """The axis along which groups follow one another, and whether the last index is generated first."""
    path = drawing.process.path
    index = path.groups.index
    axis = 2 if (index[:1] == index).all() else 1
    start = path.ordering.order  # type: ignore[attr-defined]
    return axis, bool(start[0] > start[-1])


def _to_images(drawing: Drawing, chi: Array, axis: int) -> Array:
    """Images of a strip: mean and scale are those of a column in the middle, since the data is the same everywhere."""
    process, middle = drawing.process, drawing.shape[axis] // 2
    mean, scale = (jnp.take(a, jnp.array([middle]), axis=axis - 1) for a in (process.mean, process.scale))
    return process.basis.inverse(scale * chi) + mean
