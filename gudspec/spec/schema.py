"""What the models say about themselves, read from their annotations.

Messages, the reference of the language and the search for parameters all describe types through this file,
so that they cannot disagree.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from gudspec.spec.models.base import Range

__all__ = ["Type", "choices", "kind_of", "type_of"]


class Type:
    """An annotation with the constraints around it."""

    def __init__(self, annotation: Any, constraints: tuple[Any, ...] = ()):
        self.tag: str | None = None
        while get_origin(annotation) is Annotated:
            annotation, *metadata = get_args(annotation)
            for item in metadata:
                if isinstance(item, Tag):
                    self.tag = item.tag
                constraints += tuple(item.metadata) if isinstance(item, FieldInfo) else (item,)
        self.annotation = annotation
        self.constraints = constraints

    @property
    def members(self) -> tuple["Type", ...]:
        """The alternatives of a union, null included; the type itself where it is no union."""
        if get_origin(self.annotation) in (Union, types.UnionType):
            return tuple(inner for member in get_args(self.annotation) for inner in Type(member).members)
        return (self,)

    @property
    def model(self) -> type[BaseModel] | None:
        """The model, if this is one."""
        is_model = isinstance(self.annotation, type) and issubclass(self.annotation, BaseModel)
        return self.annotation if is_model else None

    @property
    def models(self) -> dict[str, type[BaseModel]]:
        """The models among the members by kind (or name, where a model has no `kind`)."""
        return {kind_of(member.model): member.model for member in self.members if member.model}

    @property
    def is_parameter(self) -> bool:
        """Whether it may be trained over."""
        return any(member.model is Range for member in self.members)

    @property
    def allowed(self) -> tuple[Any, ...]:
        """The values of a literal, or the kinds of a union."""
        if literals := [one for one in self.members if get_origin(one.annotation) is Literal]:
            return get_args(literals[0].annotation)
        return tuple(kind for kind, model in self.models.items() if "kind" in model.model_fields)

    def field(self, name: str) -> "Type | None":
        """The type of a model's field."""
        info = self.model.model_fields.get(name) if self.model else None
        return type_of(info) if info else None

    def item(self, index: int) -> "Type | None":
        """The type of an item of a list."""
        arguments = get_args(self.annotation)
        if get_origin(self.annotation) is not tuple:
            return None
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return Type(arguments[0])
        return Type(arguments[index]) if index < len(arguments) else None

    def value(self) -> "Type | None":
        """The type of the values of a mapping with free keys."""
        return Type(get_args(self.annotation)[1]) if get_origin(self.annotation) is dict else None

    def tagged(self, tag: str) -> "Type | None":
        """The member of a tagged union that `tag` selects."""
        for member in self.members:
            if tag == member.tag or (member.model and tag == kind_of(member.model)):
                return member
        return None

    def __str__(self) -> str:
        """The type in words: `an integer ≥ 1`, `one of a, b`, `a number or {low, high, value}`."""
        if self.is_parameter:
            return "a number or a range {low, high, value}"
        if len(self.members) > 1 and self.models and len(self.models) == len(self.members):
            return f"a mapping with `kind`: {choices(self.allowed)}"
        return " or ".join(_words(member) for member in self.members)


def type_of(info: FieldInfo) -> Type:
    """The type of a field."""
    return Type(info.annotation, tuple(info.metadata))


def kind_of(model: type[BaseModel] | None) -> str:
    """What selects a model in a union: its `kind`, or its name in lower case."""
    if model is None:
        return ""
    info = model.model_fields.get("kind")
    return str(get_args(info.annotation)[0]) if info else model.__name__.lower()


def choices(values: tuple[Any, ...]) -> str:
    """`a`, `b` or `c`, each in backticks."""
    words = [f"`{value}`" for value in values]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def _words(kind: Type) -> str:
    annotation, arguments = kind.annotation, get_args(kind.annotation)
    if annotation is type(None):
        return "null"
    if annotation is Any:
        return "any value"
    if get_origin(annotation) is Literal:
        return choices(arguments)
    if get_origin(annotation) is dict:
        return "a mapping"
    if get_origin(annotation) is tuple:
        if arguments[-1] is Ellipsis:
            return "a list"
        return f"a list of {len(arguments)} ({', '.join(str(Type(argument)) for argument in arguments)})"
    if kind.model:
        fields = kind.model.model_fields
        return "a mapping" if len(fields) > 3 else f"a mapping {{{', '.join(fields)}}}"
    name = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}.get(annotation, "a value")
    return " ".join([name, *_constraints(kind.constraints)])


def _constraints(constraints: tuple[Any, ...]) -> Iterator[str]:
    low: tuple[str, str, Any] | None = None
    high: tuple[str, str, Any] | None = None
    for item in constraints:
        match item:
            case Ge(bound):
                low = ("≥", "[", bound)
            case Gt(bound):
                low = (">", "(", bound)
            case Le(bound):
                high = ("≤", "]", bound)
            case Lt(bound):
                high = ("<", ")", bound)
    if low and high:
        yield f"in {low[1]}{low[2]}, {high[2]}{high[1]}"
    else:
        for bound_ in (low, high):
            if bound_:
                yield f"{bound_[0]} {bound_[2]}"
    for item in constraints:
        if isinstance(item, MultipleOf):
            yield f"divisible by {item.multiple_of}"
        elif pattern := getattr(item, "pattern", None):
            yield f"matching `{pattern}`"
