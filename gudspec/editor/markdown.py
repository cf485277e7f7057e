"""What the models say, as Markdown for hovers and completions."""

import inspect
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from gudspec.linter.rule import Description
from gudspec.spec.lookup import fields
from gudspec.spec.models.docstrings import describe_fields
from gudspec.spec.resolved import flow
from gudspec.spec.schema import Type, type_of

__all__ = ["about_code", "about_field", "about_model"]

describe_fields()


def about_field(name: str, info: FieldInfo, holder: type[BaseModel]) -> str:
    """A key: its type with units and range, default and meaning, and the formula that it is a part of."""
    wanted = type_of(info)
    default = "required" if info.is_required() else f"default `{_default(info)}`"
    about = info.description or ("Which of the choices this is." if name == "kind" else "")
    parts = [f"**`{name}`**: {wanted}; {default}", about]
    if wanted.models and not wanted.is_parameter:
        parts.append("\n".join(_kinds(wanted)))
    elif holder.__doc__ and name != "kind" and "kind" in holder.model_fields:
        # The formula and its source are those of the kind.
        parts.append(f"---\n{inspect.cleandoc(holder.__doc__)}")
    return "\n\n".join(filter(None, parts))


def about_model(kind: str, model: type[BaseModel]) -> str:
    """A kind: its formula and source, and its keys."""
    rows = [
        f"- `{name}`: {type_of(info)}; {'required' if info.is_required() else f'default `{_default(info)}`'}"
        for name in fields(model)
        if name != "kind" and (info := model.model_fields.get(name))
    ]
    return "\n\n".join(filter(None, [f"**`{kind}`**", inspect.cleandoc(model.__doc__ or ""), "\n".join(rows)]))


def about_code(description: type[Description]) -> str:
    """A code: why it is reported, and what to do."""
    source = f"*{description.source}*" if description.source else ""
    examples = f"```yaml\n# no\n{description.bad.strip()}\n# yes\n{description.good.strip()}\n```"
    heading = f"**{description.code}** ({description.severity}): {description.summary}"
    return "\n\n".join(filter(None, [heading, description.explanation(), examples, source]))


def _kinds(wanted: Type) -> Iterator[str]:
    for kind, model in wanted.models.items():
        if len(wanted.models) > 1:
            yield f"- `{kind}`: {inspect.cleandoc(model.__doc__ or '').splitlines()[0]}"
        else:
            yield inspect.cleandoc(model.__doc__ or "")


def _default(info: FieldInfo) -> str:
    text = flow(info.get_default(call_default_factory=True))
    return text if len(text) <= 80 else f"{text[:77]}…"
