"""The JSON Schema of specs, written from the models: `gudspec schema`, or `make docs` into docs/gudspec.schema.json.

Draft 7, the newest that yaml-language-server validates with. What the language says and JSON Schema can express is
there; what only validators and rules know (ranges in order, the mathematics) needs `gudspec lint`.

- A union is a chain of `if kind is … then …`, so that an error is about the kind that was meant and not about all.
- A spec that `extends` another gives only a part of itself: nothing is required of its mappings, whose kind may be the
  base's. Items of its lists are whole, since lists are replaced. So most models appear twice, once as a part.
- `${VAR}` is substituted after a schema has been checked: every string that is not free may contain it.
"""

import inspect
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen, MultipleOf
from pydantic import BaseModel

from gudspec.spec.lookup import EXTENDS, fields
from gudspec.spec.models import Experiment
from gudspec.spec.models.docstrings import describe_fields
from gudspec.spec.resolved import flow
from gudspec.spec.schema import Type, type_of

__all__ = ["json_schema", "text"]

describe_fields()

_Schema: TypeAlias = dict[str, Any]

_VARIABLE: _Schema = {"type": "string", "pattern": r"\$\{"}
_NAMES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


def json_schema() -> _Schema:
    """The schema as plain data.

    Example:
        >>> json_schema()["definitions"]["Photos"]["properties"]["size"]["maximum"]
        256
    """
    schemas = _Schemas()
    whole, part = (schemas.model(Experiment, of) for of in (False, True))
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": "urn:gudspec:spec:1",
        "title": "gudspec",
        "description": inspect.cleandoc(Experiment.__doc__ or ""),
        "type": "object",
        "if": {"required": ["extends"]},
        "then": part,
        "else": whole,
        "examples": [{"gudspec": 1, "name": "smallest", "data": {"source": {"kind": "digits"}}}],
        "definitions": dict(sorted(schemas.definitions.items())),
    }


def text() -> str:
    """The schema as docs/gudspec.schema.json has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


class _Schemas:
    """Schemas of models and unions, each defined once."""

    def __init__(self) -> None:
        self.definitions: dict[str, _Schema] = {}
        self._unions: dict[tuple[object, ...], str] = {}

    def model(self, model: type[BaseModel], part: bool) -> _Schema:
        """A reference to the schema of a model, whole or a part of it that says what differs from a base."""
        name = model.__name__.lstrip("_") + ("Part" if part else "")
        if name not in self.definitions:
            self.definitions[name] = {}  # a model may hold itself
            required = [] if part else [field for field, info in model.model_fields.items() if info.is_required()]
            self.definitions[name] = {
                "type": "object",
                "description": inspect.cleandoc(model.__doc__ or ""),
                "properties": {field: self._field(model, field, part) for field in fields(model)},
                **({"required": required} if required else {}),
                "additionalProperties": False,
            }
        return _reference(name)

    def _field(self, model: type[BaseModel], name: str, part: bool) -> _Schema:
        if name not in model.model_fields:
            return {"type": "string", "description": EXTENDS}
        info = model.model_fields[name]
        wanted = type_of(info)
        schema = self._value(wanted, part, f"{model.__name__.lstrip('_')}.{name}")
        if "$ref" in schema:  # what stands beside `$ref` is ignored in draft 7
            schema = {"allOf": [schema]}
        about = info.description or inspect.cleandoc(model.__doc__ or "")
        schema["description"] = f"{about}\n\n{str(wanted)[0].upper()}{str(wanted)[1:]}"
        if values := wanted.value():
            schema["properties"] = {path: self._value(values, False, name) for path in _parameters()}
        if info.is_required():
            schema["description"] += "."
            return schema
        default = info.get_default(call_default_factory=True)
        shown = flow(default)
        schema["description"] += f"; default `{shown}`." if len(shown) < 60 else "."
        schema["default"] = _plain(default)
        if wanted.is_parameter and isinstance(default, float):
            schema["examples"] = [default, {"low": default / 2, "high": 2 * default or 1.0, "value": default}]
        return schema

    def _value(self, wanted: Type, part: bool, name: str) -> _Schema:
        annotation, arguments = wanted.annotation, get_args(wanted.annotation)
        if len(wanted.members) > 1:
            return self._either(wanted, part, name)
        if wanted.model:
            return self.model(wanted.model, part)
        if annotation is Any:
            return {}
        if get_origin(annotation) is Literal:
            choice = {"enum": list(arguments)}
            return {"anyOf": [choice, _VARIABLE]} if all(isinstance(value, str) for value in arguments) else choice
        if get_origin(annotation) is dict:
            return {"type": "object", "additionalProperties": self._value(Type(arguments[1]), False, name)}
        if get_origin(annotation) is tuple:
            if arguments[-1] is Ellipsis:
                items = self._value(Type(arguments[0]), False, name)
                return {"type": "array", "items": items, **_constraints(wanted, "Items")}
            each = [self._value(Type(argument), False, name) for argument in arguments]
            return {"type": "array", "items": each, "minItems": len(each), "maxItems": len(each)}
        schema = {"type": _NAMES[annotation], **_constraints(wanted, "Length")}
        return {"anyOf": [schema, _VARIABLE]} if "pattern" in schema else schema

    def _either(self, wanted: Type, part: bool, name: str) -> _Schema:
        """A union: of kinds, or of values that differ in their JSON type."""
        if wanted.models and len(wanted.models) == len(wanted.members):
            return self._kinds(wanted.models, part, name)
        conditions, names = [], []
        for member in wanted.members:
            schema = self._value(member, part, name)
            names.append("object" if member.model else schema.get("type", "string"))  # words may be a `${VAR}`
            if len(schema) > 1 or "$ref" in schema:
                conditions.append({"if": {"type": names[-1]}, "then": schema})
        return {"type": names, **({"allOf": conditions} if conditions else {})}

    def _kinds(self, models: Mapping[str, type[BaseModel]], part: bool, name: str) -> _Schema:
        key = (part, *models)
        if key in self._unions:
            return _reference(self._unions[key])
        self._unions[key] = name = name + ("Part" if part else "")
        kind = {
            "anyOf": [{"enum": list(models)}, _VARIABLE],
            "description": "\n".join(
                f"- `{kind}`: {inspect.cleandoc(model.__doc__ or '').splitlines()[0]}" for kind, model in models.items()
            ),
        }
        conditions: list[_Schema] = [
            {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": self.model(model, part)}
            for kind, model in models.items()
        ]
        usual = next((model for model in models.values() if not model.model_fields["kind"].is_required()), None)
        if part or usual:
            left_out = self._inherited(models) if part or not usual else self.model(usual, part)
            conditions.append({"if": {"not": {"required": ["kind"]}}, "then": left_out})
        self.definitions[name] = {
            "type": "object",
            "properties": {"kind": kind},
            **({} if part or usual else {"required": ["kind"]}),
            "allOf": conditions,
        }
        return _reference(name)

    def _inherited(self, models: Mapping[str, type[BaseModel]]) -> _Schema:
        """A mapping whose kind the base knows: any key of any kind."""
        found: dict[str, dict[str, str]] = {}
        for model in models.values():
            name = self.model(model, True)["$ref"].rpartition("/")[2]
            for field, schema in self.definitions[name].get("properties", {}).items():
                if field != "kind":
                    found.setdefault(field, {}).setdefault(json.dumps(schema), f"{name}/properties/{field}")
        properties = {
            field: _reference(*each.values()) if len(each) == 1 else {"anyOf": list(map(_reference, each.values()))}
            for field, each in found.items()
        }
        return {"properties": properties, "additionalProperties": False}


def _reference(name: str) -> _Schema:
    return {"$ref": f"#/definitions/{name}"}


def _plain(value: object) -> Any:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    return json.loads(json.dumps(value))


def _constraints(wanted: Type, size: str) -> _Schema:
    schema: _Schema = {}
    for item in wanted.constraints:
        match item:
            case Ge(bound):
                schema["minimum"] = bound
            case Gt(bound):
                schema["exclusiveMinimum"] = bound
            case Le(bound):
                schema["maximum"] = bound
            case Lt(bound):
                schema["exclusiveMaximum"] = bound
            case MultipleOf(multiple):
                schema["multipleOf"] = multiple
            case MinLen(least):
                schema[f"min{size}"] = least
            case MaxLen(most):
                schema[f"max{size}"] = most
        if pattern := getattr(item, "pattern", None):
            schema["pattern"] = pattern
    return schema


def _parameters() -> list[str]:
    """Dotted paths of all parameters that some schedule has."""
    schedule = type_of(Experiment.model_fields["design"]).field("schedule")
    assert schedule is not None
    found: dict[str, None] = {}

    def walk(wanted: Type, path: tuple[str, ...]) -> None:
        for model in wanted.models.values():
            for name, info in model.model_fields.items():
                if type_of(info).is_parameter:
                    found[".".join((*path, name))] = None
                elif len(path) < 4:
                    walk(type_of(info), (*path, name))

    walk(schedule, ("design", "schedule"))
    return list(found)


if __name__ == "__main__":
    print(text(), end="")
