"""What every model of the language shares: strictness, and numbers that may be trained over."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

__all__ = ["Model", "Parameter", "Range", "bounds", "problem", "refuse"]


class Model(BaseModel):
    """A mapping of the language: strict types, no unknown keys, immutable once read."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


def problem(model: type[Model], code: str, message: str, loc: tuple[str | int, ...], value: Any = None) -> Exception:
    """An error that a validator of `model` raises about one of its fields.

    A plain `ValueError` from a model validator would be reported at the model as a whole. This one
    carries the field, so that the diagnostic's caret stands under what is wrong.

    Args:
        model: the model class that is being validated.
        code: the diagnostic's code, such as `GUD203`.
        message: what is wrong, why it matters and what to do; it must not contain braces.
        loc: the path of the offending field inside the model.
        value: the offending value.

    Returns:
        The exception to raise.
    """
    return ValidationError.from_exception_data(model.__name__, [_details(code, message, loc, value)])


def refuse(model: type[Model], found: Iterable[tuple[str, str, tuple[str | int, ...]]]) -> None:
    """Like `problem`, for as many problems as there are.

    Args:
        model: the model class that is being validated.
        found: code, message and path of each.

    Raises:
        ValidationError: there are any.
    """
    if details := [_details(*one) for one in found]:
        raise ValidationError.from_exception_data(model.__name__, details)


def _details(code: str, message: str, loc: tuple[str | int, ...], value: Any = None) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError(code, message), loc=loc, input=value)


class Range(Model):
    """A parameter that is trained over: drawn uniformly from [low, high] once per batch (GUD, App. B)."""

    low: float
    """Lower end of the range."""
    high: float
    """Upper end of the range; above `low`."""
    value: float
    """What evaluation and sampling use unless told otherwise; inside the range."""

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if not self.low < self.high:
            raise problem(Range, "GUD120", f"`low` ({self.low:g}) must be below `high` ({self.high:g})", ("low",))
        if not self.low <= self.value <= self.high:
            message = f"`value` ({self.value:g}) lies outside the trained range [{self.low:g}, {self.high:g}]"
            raise problem(Range, "GUD121", message, ("value",))
        return self


def _kind_of_parameter(value: Any) -> str:
    return "range" if isinstance(value, (dict, Range)) else "number"


Parameter = Annotated[
    Annotated[float, Tag("number")] | Annotated[Range, Tag("range")],
    Discriminator(_kind_of_parameter),
]
"""A number (fixed) or a `{low, high, value}` range (trained over)."""


def bounds(parameter: "float | Range") -> tuple[float, float]:
    """Lowest and highest value that `parameter` takes in training."""
    return (parameter.low, parameter.high) if isinstance(parameter, Range) else (parameter, parameter)
