"""A run that is asked to stop at a moment that a test chooses."""

from dataclasses import dataclass

__all__ = ["StopAt"]


@dataclass
class StopAt:
    """Says stop from one question on; 0 never does."""

    call: int
    calls: int = 0

    def check(self) -> bool:
        self.calls += 1
        return 0 < self.call <= self.calls
