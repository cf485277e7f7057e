from pathlib import Path

from gudspec.spec.models import Experiment
from gudspec.spec.reference import reference
from gudspec.spec.schema import Type, type_of

ROOT = Path(__file__).parents[2]


def test_the_written_reference_has_not_drifted() -> None:
    written = (ROOT / "docs/language.md").read_text(encoding="utf-8")
    assert written == reference(), "run `make docs`"


def every_model(kind: Type) -> list[Type]:
    found = [kind] if kind.model else []
    members = [member for member in kind.members if member is not kind] if len(kind.members) > 1 else []
    fields = [type_of(info) for info in kind.model.model_fields.values()] if kind.model else []
    items = [item for item in (kind.item(0), kind.value()) if item]
    return found + [model for inner in (*members, *fields, *items) for model in every_model(inner)]


def test_every_field_of_the_language_is_described() -> None:
    for kind in every_model(Type(Experiment)):
        assert kind.model is not None
        assert kind.model.__doc__, kind.model
        for name, info in kind.model.model_fields.items():
            assert info.description or name == "kind", f"{kind.model.__name__}.{name} has no docstring"
