"""Random specs, drawn from the models themselves: a new field or kind is covered as soon as it exists."""

from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from hypothesis import assume
from hypothesis import strategies as st

from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from gudspec.spec.resolved import flow
from gudspec.spec.schema import Type, type_of

__all__ = ["MINIMAL", "data", "experiments"]

SWEEPS = (
    None,
    {"grid": {"seed": (1, 2), "design.basis": ({"kind": "haar", "levels": 1}, {"kind": "pixel"})}},
    {"zip": {"seed": (1, 2), "train.ema": {"linspace": (0.5, 0.9, 2)}}},
    {"random": {"count": 3, "over": {"train.optimizer.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}}}},
)
"""Axes are paths of the spec, which texts drawn at random never are."""

MINIMAL = "gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n"


def data(kind: Type) -> st.SearchStrategy[Any]:
    """Plain values of a type."""
    if len(kind.members) > 1:
        return st.one_of([data(member) for member in kind.members])
    annotation, arguments = kind.annotation, get_args(kind.annotation)
    if annotation is type(None):
        return st.none()
    if kind.model:
        fields = {name: (info, data(type_of(info))) for name, info in kind.model.model_fields.items()}
        needed = {name: values for name, (info, values) in fields.items() if info.is_required()}
        others = {name: values for name, (info, values) in fields.items() if not info.is_required()}
        return st.fixed_dictionaries(needed, optional=others)
    if get_origin(annotation) is Literal:
        return st.sampled_from(arguments)
    if get_origin(annotation) is dict:
        return st.dictionaries(st.text(max_size=8), data(Type(arguments[1])), max_size=2)
    if get_origin(annotation) is tuple:
        if arguments[-1] is Ellipsis:
            return st.lists(data(Type(arguments[0])), max_size=3).map(tuple)
        return st.tuples(*(data(Type(argument)) for argument in arguments))
    bounds = {"min_value": -100, "max_value": 100}
    step = 1
    for item in kind.constraints:
        match item:
            case Ge(low) | Gt(low):
                bounds["min_value"] = low
                bounds["max_value"] = low + 100
            case Le(high) | Lt(high):
                bounds["max_value"] = min(high, bounds["max_value"])
            case MultipleOf(multiple):
                step = multiple
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(**bounds).map(lambda number: number // step * step)
    if annotation is float:
        # Integers are numbers too.
        return st.one_of(st.integers(**bounds), st.floats(**bounds)) if bounds["max_value"] > 1 else st.floats(**bounds)
    if any(getattr(item, "pattern", None) for item in kind.constraints):
        return st.from_regex(r"\A[a-z0-9_.-]{1,12}\Z")
    return st.text(max_size=12)


@st.composite
def experiments(draw: st.DrawFn) -> Experiment:
    """Valid experiments."""
    sections = {
        name: draw(st.sampled_from(SWEEPS) if name == "sweep" else data(type_of(info)))
        for name, info in Experiment.model_fields.items()
        if info.is_required() or draw(st.booleans())
    }
    try:
        return loads("\n".join(f"{name}: {flow(value)}" for name, value in sections.items()))
    except SpecError as error:
        # Ranges out of order and the like, which types alone cannot say.
        assume(not any(one.code.startswith("GUD0") for one in error.diagnostics))
        assume(False)
        raise
