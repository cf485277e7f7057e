"""FLOPs, traffic and peak memory of a traced program, from its shapes alone.

XLA fuses elementwise operations into what reads them, so that most intermediate arrays never reach memory. The model:
an array is *stored* if it comes from a contraction, a reduction, a loop or a draw, if one of these reads it, or if it
is small and read more than once; any other is recomputed where it is read, and keeps what it is made of alive. Stored
arrays live from their making to their last reading, in the order of the trace.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

__all__ = ["STEPS", "Work", "width", "work"]

STEPS = 20
"""Assumed steps of an adaptive solve at the usual tolerances."""
_STAGES = 6
"""Evaluations of its field in each."""


class Work(NamedTuple):
    """What running a program once takes."""

    flops: float
    """Arithmetic outside loops of unknown length."""
    traffic: float
    """Bytes read from and written to memory there."""
    looped_flops: float
    """The same for one turn of loops whose length only the data tell: one step of an adaptive solver."""
    looped_traffic: float
    temporary: int
    """Largest number of bytes of stored arrays, without arguments, at any time."""

    def total(self, turns: int) -> tuple[float, float]:
        """FLOPs and bytes with `turns` turns of such loops."""
        return self.flops + turns * self.looped_flops, self.traffic + turns * self.looped_traffic


_INLINED = {"jit", "pjit", "closed_call", "core_call", "remat2", "checkpoint", "custom_jvp_call", "custom_vjp_call"}
_CONTRACTIONS = {"dot_general", "conv_general_dilated"}
_REDUCTIONS = {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod", "reduce_and", "reduce_or", "argmax", "argmin"}
_STORED = (
    _CONTRACTIONS
    | _REDUCTIONS
    | {"scan", "while", "cond", "gather", "scatter", "scatter-add", "scatter_add", "sort", "cumsum", "cumprod", "fft"}
    | {"random_bits", "threefry2x32", "dynamic_update_slice", "dynamic_slice", "reduce_window", "custom_call"}
)


@dataclass(eq=False, slots=True)
class _Array:
    """An array of the program."""

    size: int
    stored: bool = False
    argument: bool = False
    made_of: tuple[_Array, ...] = ()
    readers: int = 0
    needed: bool = False
    """Something that cannot be fused reads it."""
    last: int = -1
    """Index of the last operation that reads it."""


@dataclass(eq=False, slots=True)
class _Operation:
    name: str
    inputs: list[_Array]
    outputs: list[_Array]
    inner: Work
    roots: set[_Array] = field(default_factory=set)


_NOTHING = Work(0.0, 0.0, 0.0, 0.0, 0)


def work(jaxpr: core.Jaxpr) -> Work:
    """What running a program takes; `jaxpr` is that of a trace."""
    operations: list[_Operation] = []
    arrays: dict[Any, _Array] = {}
    for variable in (*jaxpr.invars, *jaxpr.constvars):
        arrays[variable] = _Array(_bytes(variable.aval), stored=True, argument=True)
    results = _flatten(jaxpr, arrays, operations)
    for array in results:
        array.needed = True
    _decide(operations)
    for array in results:
        for root in _roots(array):
            root.last = len(operations)
    return _sum_up(operations)


def _flatten(jaxpr: core.Jaxpr, arrays: dict[Any, _Array], operations: list[_Operation]) -> list[_Array]:
    """Appends the operations of a program, those of its functions included; returns its results."""

    def read(variable: Any) -> _Array:
        if isinstance(variable, core.Literal):
            return _Array(0, argument=True, stored=True)
        return arrays[variable]

    for equation in jaxpr.eqns:
        name, inputs = equation.primitive.name, [read(variable) for variable in equation.invars]
        if name in _INLINED:
            inner = _inner(equation)
            named: dict[Any, _Array] = dict(zip(inner.invars, inputs, strict=True))
            named |= {variable: _Array(_bytes(variable.aval), stored=True) for variable in inner.constvars}
            arrays |= dict(zip(equation.outvars, _flatten(inner, named, operations), strict=True))
            continue
        outputs = [_Array(_bytes(variable.aval), stored=name in _STORED) for variable in equation.outvars]
        arrays |= dict(zip(equation.outvars, outputs, strict=True))
        operations.append(_Operation(name, inputs, outputs, _of_one(equation)))
    return [read(variable) for variable in jaxpr.outvars]


def _inner(equation: Any) -> core.Jaxpr:
    parameters = equation.params
    inner: Any = parameters.get("jaxpr") or parameters.get("call_jaxpr") or parameters.get("fun_jaxpr")
    plain: core.Jaxpr = getattr(inner, "jaxpr", inner)
    return plain


def _of_one(equation: Any) -> Work:
    """The arithmetic of one operation; that of loops with all that is inside."""
    name, parameters = equation.primitive.name, equation.params
    outputs = sum(math.prod(variable.aval.shape) for variable in equation.outvars if hasattr(variable.aval, "shape"))
    if name == "scan":
        body, turns = work(parameters["jaxpr"].jaxpr), parameters["length"]
        return body._replace(
            flops=turns * body.flops,
            traffic=turns * body.traffic,
            looped_flops=turns * body.looped_flops,
            looped_traffic=turns * body.looped_traffic,
        )
    if name == "while":
        # a loop inside a loop of unknown length: a solver's stages inside its steps
        body = work(parameters["body_jaxpr"].jaxpr)
        return Work(0.0, 0.0, *body.total(_STAGES), body.temporary)
    if name == "cond":
        branches = [work(branch.jaxpr) for branch in parameters["branches"]]
        return Work(*map(max, zip(*branches, strict=True)))
    if name == "dot_general":
        (contracting, _), _ = parameters["dimension_numbers"]
        depth = math.prod(equation.invars[0].aval.shape[axis] for axis in contracting)
        return _NOTHING._replace(flops=2.0 * outputs * depth)
    if name == "conv_general_dilated":
        return _NOTHING._replace(flops=_convolution(equation))
    if name in _REDUCTIONS:
        return _NOTHING._replace(flops=float(math.prod(equation.invars[0].aval.shape)))
    return _NOTHING._replace(flops=float(outputs))


def _convolution(equation: Any) -> float:
    """Two FLOPs for each product of a number of the image, not of its padding, and one of the kernel."""
    image, kernel = (variable.aval.shape for variable in equation.invars)
    result, parameters = equation.outvars[0].aval.shape, equation.params
    numbers = parameters["dimension_numbers"]
    pairs = 1
    for axis in range(len(image) - 2):
        size, taps = image[numbers.lhs_spec[2 + axis]], kernel[numbers.rhs_spec[2 + axis]]
        stride, low = parameters["window_strides"][axis], parameters["padding"][axis][0]
        spread, gap = parameters["rhs_dilation"][axis], parameters["lhs_dilation"][axis]
        places = (
            place * stride + tap * spread - low
            for place in range(result[numbers.out_spec[2 + axis]])
            for tap in range(taps)
        )
        pairs *= sum(0 <= place <= (size - 1) * gap and place % gap == 0 for place in places)
    batch, features, depth = result[numbers.out_spec[0]], result[numbers.out_spec[1]], kernel[numbers.rhs_spec[1]]
    return 2.0 * float(batch * features * depth * pairs)


def _decide(operations: list[_Operation]) -> None:
    """Settles which arrays are stored, and until when."""
    for operation in operations:
        fused = operation.name not in _STORED or operation.name in _REDUCTIONS
        for array in operation.inputs:
            array.readers += 1
            array.needed |= not fused
    for index, operation in enumerate(operations):
        operation.roots = {root for array in operation.inputs for root in _roots(array)}
        known = sum(root.size for root in operation.roots if not root.argument)
        for array in operation.outputs:
            array.stored |= array.needed or (array.readers > 1 and array.size <= known)
            if not array.stored:
                array.made_of = tuple(operation.roots)
        if any(array.stored for array in operation.outputs):
            for root in operation.roots:
                root.last = index


def _roots(array: _Array) -> Iterable[_Array]:
    return (array,) if array.stored else array.made_of


def _sum_up(operations: list[_Operation]) -> Work:
    flops = traffic = looped_flops = looped_traffic = 0.0
    live = peak = 0
    ends: dict[int, int] = {}
    for index, operation in enumerate(operations):
        inner = operation.inner
        flops, looped_flops = flops + inner.flops, looped_flops + inner.looped_flops
        traffic, looped_traffic = traffic + inner.traffic, looped_traffic + inner.looped_traffic
        made = [array for array in operation.outputs if array.stored]
        if made:
            traffic += sum(array.size for array in (*made, *operation.roots))
        live += sum(array.size for array in made)
        peak = max(peak, live + inner.temporary)
        for array in made:
            end = max(array.last, index)
            ends[end] = ends.get(end, 0) + array.size
        live -= ends.pop(index, 0)
    return Work(flops, traffic, looped_flops, looped_traffic, peak)


def _bytes(aval: Any) -> int:
    return math.prod(aval.shape) * width(aval.dtype) if hasattr(aval, "dtype") else 0


def width(dtype: Any) -> int:
    """Bytes of a number of some type; of a random key, those of its state."""
    return 8 if jnp.issubdtype(dtype, jax.dtypes.prng_key) else int(dtype.itemsize)
