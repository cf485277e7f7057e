"""Which numbers of a design are its parameters, and over which range each is trained."""

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel

from gudspec.spec.models import Experiment
from gudspec.spec.models.base import Range
from gudspec.spec.models.schedules import AnySchedule
from gudspec.spec.schema import type_of

__all__ = ["Bounds", "parameters", "parameters_of", "short_name"]


class Bounds(NamedTuple):
    """The trained range of a parameter and its nominal value; the three are equal where it is fixed."""

    low: float
    high: float
    value: float


def parameters(experiment: Experiment) -> dict[str, Bounds]:
    """All parameters of the schedule, by dotted path, in the order of the models.

    Args:
        experiment: the spec.

    Example:
        >>> from gudspec.spec.load import loads
        >>> experiment = loads('''
        ...   gudspec: 1
        ...   name: example
        ...   data: {source: {kind: digits}}
        ...   design:
        ...     basis: {kind: haar}
        ...     schedule:
        ...       kind: hierarchical
        ...       inverse_softness: {levels: {low: 0.3, high: 0.7, value: 0.5}, columns: 0.4}
        ... ''')
        >>> for path, bounds in parameters(experiment).items():
        ...     print(path, *bounds)
        design.schedule.inverse_softness.levels 0.3 0.7 0.5
        design.schedule.inverse_softness.columns 0.4 0.4 0.4
    """
    return parameters_of(experiment.design.schedule)


def parameters_of(schedule: AnySchedule) -> dict[str, Bounds]:
    """Those of one schedule, as if it were that of the design."""
    return dict(_walk(schedule, "design.schedule"))


def short_name(path: str) -> str:
    """The name under which a path of noising states knows the parameter at a dotted path of the spec.

    >>> short_name("design.schedule.inverse_softness")
    'inverse_softness'
    """
    return path.removeprefix("design.schedule.")


def _walk(model: BaseModel, path: str) -> Iterator[tuple[str, Bounds]]:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if type_of(info).is_parameter:
            yield (
                f"{path}.{name}",
                Bounds(*((value.low, value.high, value.value) if isinstance(value, Range) else (value,) * 3)),
            )
        elif isinstance(value, BaseModel):
            yield from _walk(value, f"{path}.{name}")
