"""Makes a failing case as small as it can quickly be made."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.cases import Case

__all__ = ["minimal"]


def minimal(case: Case, fails: Callable[[Case], bool], seconds: float = 20.0) -> Case:
    """A smaller case that fails in the same way.

    Delta debugging: halves, quarters, … of the lines and then of the bytes are left out, as long as that fails as well.

    Args:
        case: a case that fails.
        fails: whether another case fails in the same way.
        seconds: how long to go on.
    """
    stop = time.monotonic() + seconds
    for index in reversed(range(len(case.overrides))):
        fewer = replace(case, overrides=case.overrides[:index] + case.overrides[index + 1 :])
        case = fewer if fails(fewer) else case
    for split in (lambda text: text.splitlines(keepends=True), lambda text: [bytes([one]) for one in text]):
        parts, size = split(case.text), len(split(case.text)) // 2
        while size and time.monotonic() < stop:
            for kept in _without(parts, size):
                smaller = replace(case, text=b"".join(kept))
                if time.monotonic() > stop:
                    break
                if fails(smaller):
                    case, parts = smaller, kept
                    break
            else:
                size //= 2
    return case


def _without(parts: list[bytes], size: int) -> Iterator[list[bytes]]:
    for start in range(0, len(parts), size):
        yield parts[:start] + parts[start + size :]
