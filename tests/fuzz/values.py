# ruff: noqa: E501 (tables of values read best undivided)
"""Random values: such as the models want, and such as nobody wants."""

from random import Random
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MultipleOf
from pydantic.fields import FieldInfo

from gudspec.spec.lookup import fields
from gudspec.spec.models import Experiment
from gudspec.spec.schema import Type, type_of
from tests.fuzz.editable import Items, Leaf, Node, Pair, Pairs, leaf

__all__ = ["EXTREME", "STRANGE", "extreme", "strange", "valid"]

EXTREME = (
    *("0", "-0", "-1", "1", "2", "-0.0", "0.0", "0.5", "1.0", "1e-9", "1e6", "1e9", "1e30", "1e308", "-1e308", "1e309"),
    *("5e-324", "1e-308", ".nan", ".inf", "-.inf", "2147483648", "4294967296", "9007199254740993", "-9223372036854775808"),
    *("18446744073709551616", "9" * 30, "9" * 400, "9" * 401, "-" + "1" * 310, "0x7f", "0o17", "0x" + "f" * 300, "+3"),
    *("1_000", "1e", ".5", "5.", "012", "1:30", "3e5", "99999999", "1000000000"),
)  # fmt: skip
"""Numbers at the edges, and some that only look like numbers."""
STRANGE = (
    *("~", "null", "true", "on", "''", '""', "[]", "{}", "abc", "-", "?", "a b c", '"\\u0000"', '"\\ud800"', "'é'", "日本"),
    *("${HOME}", "${NO_SUCH}", "${", "$${x}", "${A:-b}", "../..", "/dev/null", "/dev/zero", "/proc/self/mem", ".", "*a"),
    *("&a [*a]", "&b b", "!!python/object/apply:os.system [x]", "!local x", "!!int abc", "!!float '1'", "!!binary aa"),
    *("2001-01-01", "[[[[]]]]", "{a: {b: {c: {}}}}", "{kind: x}", "{low: 0, high: 1, value: 2}", "{? a : b}", "{<<: {a: 1}}"),
    *("{linspace: [0, 1, 3]}", "{linspace: [0, 1, 1000000000]}", "'\\{'", "{:}", "[,]", "@x", "`x`", "%x", "|", ">", "x" * 300),
)  # fmt: skip
"""Values of other types, references, tags and bits of syntax."""
_PATHS = tuple(
    f"design.schedule.{name}"
    for name in ("inverse_softness", "inverse_softness.levels", "inverse_softness.columns", "ordering.r", "gamma.min", "x")
)  # fmt: skip
_LARGE = 64
"""Numbers without an upper bound are drawn below this, mostly."""


def extreme(rng: Random) -> Leaf:
    return Leaf(rng.choice(EXTREME))


def strange(rng: Random) -> Leaf:
    return Leaf(rng.choice(STRANGE))


def valid(rng: Random, wanted: Type) -> Node:
    """A value of a type; what types alone cannot say, such as the order of two numbers, is left to chance."""
    if len(wanted.members) > 1:
        return valid(rng, rng.choice(wanted.members))
    annotation, arguments = wanted.annotation, get_args(wanted.annotation)
    if wanted.model:
        pairs = []
        for name in fields(wanted.model):
            info = wanted.model.model_fields.get(name)
            if info and (info.is_required() or rng.random() < 0.3):
                pairs.append(Pair(name, _field(rng, info)))
        return Pairs(pairs)
    if annotation is type(None):
        return leaf(None)
    if get_origin(annotation) is Literal:
        return leaf(rng.choice(arguments))
    if get_origin(annotation) is dict:
        return Pairs([Pair(rng.choice(_PATHS), valid(rng, Type(arguments[1]))) for _ in range(rng.choice((1, 1, 2)))])
    if get_origin(annotation) is tuple and arguments[-1] is Ellipsis:
        return Items([valid(rng, Type(arguments[0])) for _ in range(rng.choice((1, 1, 2, 2, 3, 0)))])
    if get_origin(annotation) is tuple:
        return Items([valid(rng, Type(argument)) for argument in arguments])
    if annotation is bool:
        return leaf(rng.random() < 0.5)
    if annotation in (int, float):
        return leaf(_number(rng, wanted))
    return leaf(f"n{rng.randrange(10)}")


def _field(rng: Random, info: FieldInfo) -> Node:
    default, wanted = info.default, type_of(info)
    if isinstance(default, float) and rng.random() < 0.6:
        return leaf(float(f"{default * rng.uniform(0.5, 1.5):.3g}"))
    if info.annotation is Literal[1]:  # the version
        return leaf(1)
    return valid(rng, wanted)


def _number(rng: Random, wanted: Type) -> int | float:
    low: Any = None
    high: Any = None
    step, open_ends = 1, False
    for item in wanted.constraints:
        match item:
            case Ge(bound):
                low = bound
            case Gt(bound):
                low, open_ends = bound, True
            case Le(bound):
                high = bound
            case Lt(bound):
                high, open_ends = bound, True
            case MultipleOf(multiple):
                step = int(multiple)  # type: ignore[call-overload]
    if wanted.annotation is int:
        low = 0 if low is None else low
        high = low + rng.choice((1, 3, 7, 15, _LARGE)) if high is None else high
        if rng.random() < 0.5:  # powers of two divide images and devices
            fitting = [2**k for k in range(12) if low <= 2**k <= high and 2**k % step == 0]
            return rng.choice(fitting or [low])
        return max(low, rng.randint(int(low), int(high)) // step * step) or step
    low = -10.0 if low is None else float(low)
    high = low + rng.choice((1.0, 10.0)) if high is None else float(high)
    number = float(f"{rng.uniform(low, high):.3g}")
    return (low + high) / 2 if open_ends and number in (low, high) else number


def section(rng: Random) -> tuple[str, Node]:
    """A section of a spec with valid values."""
    name = rng.choice([name for name in Experiment.model_fields if name not in ("gudspec", "name")])
    return name, valid(rng, type_of(Experiment.model_fields[name]))
