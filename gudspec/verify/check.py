"""One thing that is verified."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """A number that was measured, and the one that it should be.

    Args:
        name: what was measured.
        expected: the closed form; None for what is only reported.
        measured: the value.
        tolerance: largest allowed |measured − expected|; None for what is only reported.
        note: why it matters, or what to do if it fails.
    """

    name: str
    expected: float | None
    measured: float
    tolerance: float | None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the measured value is within its tolerance; what is only reported passes if it is a number."""
        if self.expected is None or self.tolerance is None:
            return not math.isnan(self.measured)
        return bool(abs(self.measured - self.expected) <= self.tolerance)

    def as_dict(self) -> dict[str, Any]:
        """For machines: `name`, `expected`, `measured`, `tolerance`, `passed`, `note`."""
        return {**asdict(self), "passed": self.passed}
