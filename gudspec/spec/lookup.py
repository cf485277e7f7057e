"""What the language wants at a place of a spec: for tools that see specs which are not finished yet."""

from collections.abc import Callable, Collection
from typing import TypeAlias

from pydantic import BaseModel

from gudspec.spec.models import Experiment
from gudspec.spec.schema import Type, type_of
from gudspec.spec.tree import Path

__all__ = ["EXTENDS", "Kinds", "fields", "held", "models_at", "type_at"]

EXTENDS = "Another spec that this one builds on, relative to this file: mappings are merged, this file wins."
"""What the key `extends` means: the one key that no model has, since it is gone when models see a spec."""

Kinds: TypeAlias = Callable[[Path], object]
"""The `kind` that the mapping at a path gives (or inherits); None where it is not known."""


def held(wanted: Type) -> dict[str, type[BaseModel]]:
    """The models that a value may be, by kind; of a list, those of its items. A model may have several kinds.

    Example:
        >>> sorted(held(type_of(Experiment.model_fields["evaluate"])))
        ['bound', 'likelihood']
        >>> sorted(held(type_at(("train", "optimizer"), lambda path: None)))
        ['adam', 'adamw', 'muon']
    """
    models = (wanted.item(0) or wanted).models.values()
    return {kind: model for model in models if "kind" in model.model_fields for kind in _kinds(model)}


def _kinds(model: type[BaseModel]) -> tuple[str, ...]:
    return type_of(model.model_fields["kind"]).allowed


def models_at(path: Path, kinds: Kinds, keys: Collection[str] = ()) -> tuple[type[BaseModel], ...]:
    """The models that the mapping at `path` may be: one where its kind is known.

    Args:
        path: keys and indices from the root.
        kinds: what is known about kinds.
        keys: keys of the mapping; where the kind is not known, models that have all of them come first.
    """
    wanted = type_at(path, kinds)
    return _models(wanted, kinds(path), keys) if wanted else ()


def type_at(path: Path, kinds: Kinds) -> Type | None:
    """The type of the value at `path`, or None where the language knows no such value.

    Example:
        >>> str(type_at(("data", "source", "size"), lambda path: "photos"))
        'an integer in [4, 256]'
        >>> str(type_at(("evaluate", 0, "kind"), lambda path: "bound"))
        '`bound`'
    """
    wanted: Type | None = Type(Experiment)
    for depth, step in enumerate(path):
        if wanted is None:
            return None
        if isinstance(step, int):
            wanted = next((item for member in wanted.members if (item := member.item(step))), None)
            continue
        free = next((value for member in wanted.members if (value := member.value())), None)
        models = _models(wanted, kinds(path[:depth]), (step,))
        info = models[0].model_fields.get(step) if models else None
        wanted = type_of(info) if info else free
    return wanted


def _models(wanted: Type, kind: object, keys: Collection[str]) -> tuple[type[BaseModel], ...]:
    models = wanted.models
    if isinstance(kind, str) and (known := held(wanted).get(kind)):
        return (known,)
    return tuple(sorted(models.values(), key=lambda model: sum(key not in model.model_fields for key in keys)))


def fields(model: type[BaseModel]) -> tuple[str, ...]:
    """A model's keys in the order in which people write them.

    That is the order of the model, but `kind` comes first, or second where the model starts with a `name`; the
    spec's `extends` follows its name.

    Example:
        >>> fields(Experiment)[:4]
        ('gudspec', 'name', 'extends', 'seed')
        >>> fields(held(type_of(Experiment.model_fields["evaluate"]))["bound"])[:3]
        ('name', 'kind', 'at')
    """
    names = list(model.model_fields)
    if model is Experiment:
        names.insert(names.index("name") + 1, "extends")
    return tuple(sorted(names, key=lambda name: (name != names[0] or names[0] != "name", name != "kind")))
