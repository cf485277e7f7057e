"""The reference of the language, written from the models: `python -m gudspec.spec.reference > docs/language.md`."""

import inspect
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gudspec.spec.models import Experiment
from gudspec.spec.models.docstrings import describe_fields
from gudspec.spec.resolved import flow
from gudspec.spec.schema import Type, kind_of, type_of

__all__ = ["reference"]

describe_fields()

_PREFACE = """\
# The language of specs

<!-- Generated from the models by `make docs`; edit their docstrings instead. -->

A spec is a YAML file. `gudspec lint SPEC` checks it, and `gudspec show SPEC` prints it with every default and where
each value comes from. The smallest spec names its data:

```yaml
gudspec: 1
name: smallest
data: {source: {kind: digits}}
```

## Rules of the text

- **Strict.** Unknown keys, duplicate keys and wrong types are errors with a position. Nothing is coerced: `"3"` is
  no number, `3e5` is no integer.
- **Scalars are YAML 1.2's.** `1e-3` is a number, `on`, `no` and `yes` are strings, `012` is twelve, `0o14` and `0xc`
  are twelve as well, `.inf` and `.nan` are numbers (which no field takes). What is quoted is a string. Tags, merge
  keys (`<<`) and keys that are not strings are refused. Anchors and aliases work.
- **Kinds.** Where there is a choice, a mapping says which with `kind`. A mapping that is left out has the default
  below; one that is given needs its `kind`, unless its table has a default for that.
- **`extends: FILE`** builds on another spec; the path is relative to the file that says it. Mappings are merged key by
  key, at every depth, and this file wins. Everything else, lists included, replaces what the base says. A mapping of
  another `kind` than the base's replaces it as a whole, since the keys of one kind mean nothing to another.
- **`--set path.to.key=value`** overrides a value on the command line, wherever a spec is accepted. It may be repeated;
  a number selects an item of a list (`--set train.phases.0.steps=100`), and a key with dots is quoted
  (`--set 'sample.0.at."design.schedule.inverse_softness"=0.5'`). Values are read, and mappings merged, by the same
  rules.
- **`${NAME}`** in a string is replaced by an environment variable, and **`${NAME:-default}`** has a default. The result
  stays a string. `$${` writes a plain `${`.
- **Parameters** of a schedule are a number (fixed) or a range `{low, high, value}` (trained over).
"""


def reference() -> str:
    """The reference as Markdown."""
    parts = [_PREFACE, "## The spec\n", inspect.cleandoc(Experiment.__doc__ or ""), "", *_keys("", Experiment)]
    written: set[str] = set()
    for part in _sections("", Experiment, written):
        parts += part
    return "\n".join(parts).rstrip() + "\n"


def _held(info: FieldInfo) -> Type | None:
    """The mappings that a field, or each item of its list, may hold; None for plain values and parameters."""
    kind = type_of(info).item(0) or type_of(info)
    return kind if kind.models and not kind.is_parameter else None


def _sections(path: str, model: type[BaseModel], written: set[str]) -> Iterator[list[str]]:
    """A section for every mapping that a model holds, with sections for what those hold in turn."""
    for name, info in model.model_fields.items():
        inner, held = f"{path}.{name}".lstrip("."), _held(info)
        if held is None:
            continue
        level = "#" * (2 + inner.count("."))
        several = len(held.models) > 1
        if inner not in written:
            yield [f"{level} `{inner}`", "", *([info.description or "", ""] if several else [])]
        written.add(inner)
        for tag, member in held.models.items():
            # Kinds of one union, and different kinds with a key in common, share what they hold.
            if (key := f"{inner}: {tag}") in written:
                continue
            written.add(key)
            heading = [f"{level}# `{inner}`, kind `{tag}`", ""] if several else []
            yield [*heading, inspect.cleandoc(member.__doc__ or ""), "", *_keys(inner, member)]
            yield from _sections(inner, member, written)


def _keys(path: str, model: type[BaseModel]) -> list[str]:
    """The table of a model's keys; empty where there is nothing but `kind`."""
    rows = [(name, info) for name, info in model.model_fields.items() if not (name == "kind" and info.is_required())]
    cells = [
        (f"`{name}`", _value(f"{path}.{name}", info), _default(info), info.description or "") for name, info in rows
    ]
    table = [f"| {' | '.join(' '.join(cell.split()) for cell in row)} |" for row in cells]
    return ["| key | value | default | meaning |", "|---|---|---|---|", *table, ""] if table else []


def _value(path: str, info: FieldInfo) -> str:
    held = _held(info)
    if held is None:
        return "numbers, lists or `{linspace: …}` by path" if type_of(info).value() else str(type_of(info))
    kind = type_of(info)
    word = "mapping" if held.annotation is kind.annotation else "list of mappings"
    others = [str(one) for one in kind.members if not one.model and one.annotation is not type(None)]
    link = f"[{word}](#{path.replace('.', '')})"
    return " or ".join([*others, f"a {link}"]) if others and word == "mapping" else link


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    default = info.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return f"kind `{kind_of(type(default))}`" if "kind" in type(default).model_fields else "its defaults"
    return f"`{flow(default)}`"


if __name__ == "__main__":
    print(reference(), end="")
