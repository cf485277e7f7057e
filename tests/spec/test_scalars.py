import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gudspec.spec.diagnostics import Source
from gudspec.spec.scalars import core, scalar
from gudspec.spec.text import parse
from gudspec.spec.tree import Scalar

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(1 - 2**63, 2**63 - 1), st.floats(), TEXTS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("5E4", 5e4), ("1.", 1.0), (".5", 0.5), ("-.5e+1", -5.0), ("012", 12), ("0o14", 12),
        ("0xff", 255), ("9223372036854775807", 2**63 - 1), ("9223372036854775808", 2.0**63), ("-7", -7), ("+7", 7),
        ("0", 0), (".inf", math.inf), ("-.INF", -math.inf),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("1:30", "1:30"), ("1_000", "1_000"),
        ("0b11", "0b11"), ("2024-01-01", "2024-01-01"), ("1e", "1e"), (".", "."), ("-", "-"), ("0o8", "0o8"),
        ("-0x1", "-0x1"), ("inf", "inf"), ("tRue", "tRue"), ("١", "١"),
    ],
)  # fmt: skip
def test_the_core_schema(text: str, value: object) -> None:
    found = core(text)
    assert found == value
    assert type(found) is type(value)


def test_nan_is_a_number() -> None:
    found = core(".nan")
    assert isinstance(found, float)
    assert math.isnan(found)


@given(LEAVES)
def test_what_is_written_is_read_back(value: object) -> None:
    problems: list = []
    node = parse(Source("t", f"[{scalar(value)}]"), problems)  # type: ignore[arg-type]
    assert not problems
    assert node is not None
    item = node.items[0]  # type: ignore[union-attr]
    assert isinstance(item, Scalar)
    assert type(item.value) is type(value)
    assert item.value == value or (value != value and item.value != item.value)
