"""Numbers for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

__all__ = ["duration", "place", "real"]


def real(value: Any) -> float | None:
    """The value, if it is a number worth printing."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def duration(seconds: float) -> str:
    """A time for people.

    >>> duration(7.26), duration(151), duration(40_260)
    ('7.3 s', '2 min 31 s', '11 h 11 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def place(at: Mapping[str, float]) -> str:
    """Where something was measured, without the path that all parameters share.

    >>> place({"design.schedule.inverse_softness": 0.5}), place({})
    ('inverse_softness = 0.5', 'nominal')
    """
    return ", ".join(f"{path.removeprefix('design.schedule.')} = {value:g}" for path, value in at.items()) or "nominal"
