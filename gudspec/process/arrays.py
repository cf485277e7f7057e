"""Arrays of any namespace, and the parameters of schedules."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "Parameters", "matmul", "namespace"]

Array: TypeAlias = Any
"""A NumPy or JAX array; the shape is said in brackets in each docstring."""

Parameters: TypeAlias = Mapping[str, Any]
"""Values of a schedule's parameters, by name; numbers or traced scalars."""


def namespace(*values: Any) -> ModuleType:
    """The array namespace in which to compute with `values`: JAX's if any of them is a JAX array, else NumPy."""
    for value in values:
        if hasattr(value, "__array_namespace__") and not isinstance(value, (np.ndarray, np.generic)):
            module: ModuleType = value.__array_namespace__()
            return module
    return np


def matmul(left: Array, right: Array) -> Array:
    """The matrix product in full precision: accelerators would round the factors to bf16 or TF32 by default.

    A change of basis must keep norms and whiteness to float precision, and costs nothing beside a network.
    """
    xp = namespace(left, right)
    return np.matmul(left, right) if xp is np else xp.matmul(left, right, precision="highest")
