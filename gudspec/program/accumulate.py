"""Gradient accumulation: a batch in parts, one after the other, for the gradient of the whole."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from gudspec.process.arrays import Array

__all__ = ["accumulated", "rows"]


def rows(array: Array, part: Array | int, parts: int) -> Array:
    """Every `parts`-th row, starting at `part`: where rows are split over devices, each has its share of every part.

    Args:
        array: [b, …], or [1, …] for what all rows share, which is returned as it is.
        part: which part, from 0.
        parts: number of parts; it divides b.

    Returns:
        [b/parts, …] or [1, …].
    """
    if parts == 1 or len(array) == 1:
        return array
    return array.reshape(len(array) // parts, parts, *array.shape[1:])[:, part]


def accumulated(loss: Callable[..., Array], parts: int) -> Callable[[Any, Array], tuple[Array, Any]]:
    """Value and gradient of the mean of a loss over the parts of a batch; one part is in memory at a time.

    Args:
        loss: (parameters, key, part=index) → mean loss of that part.
        parts: number of parts.

    Returns:
        (parameters, key) → (value, gradient).
    """
    gradient = jax.value_and_grad(loss)
    if parts == 1:
        return gradient

    def mean(parameters: Any, key: Array) -> tuple[Array, Any]:
        def add(total: Any, part: Array) -> tuple[Any, None]:
            return jax.tree.map(jnp.add, total, gradient(parameters, key, part=part)), None

        zero = jax.tree.map(jnp.zeros_like, jax.eval_shape(lambda: gradient(parameters, key, part=0)))
        total, _ = jax.lax.scan(add, zero, jnp.arange(parts))
        return jax.tree.map(lambda leaf: leaf / parts, total)

    return mean
