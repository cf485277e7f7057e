"""Which rules could not be put to a spec, because its data has not been looked at yet."""

from gudspec.linter.check import rules_for
from gudspec.linter.look import look
from gudspec.linter.rule import PathRule
from gudspec.spec.load import Document

__all__ = ["unchecked"]


def unchecked(document: Document) -> tuple[str, ...]:
    """The codes of the rules that need to know more of the data than spec and cache tell.

    A run (or `gudspec verify`, or `gudspec show`) leaves the statistics of the data in the cache. Designs that are
    unsound already are not counted: other findings say so.

    Args:
        document: a spec as `gudspec.spec.load.read` returns it.

    Returns:
        Codes in ascending order.
    """
    seen = look(document)
    if not seen.sound:
        return ()
    rules = (rule for rule in rules_for(document) if isinstance(rule, PathRule) and rule.applies(document))
    return tuple(rule.code for rule in rules if not seen.available(rule.evaluates))
