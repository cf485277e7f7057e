"""Two sides that take turns: whatever else the machine does meets both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np


class Side:
    """One of those that are compared.

    Args:
        run: does a round of the work; what it returns is waited for.
    """

    def __init__(self, run: Callable[[], Any]):
        self._run = run
        self._first: float | None = None
        self.seconds: list[float] = []
        """Of each round but the first, which compiles."""
        self.processors: list[float] = []
        """The same in seconds of this process' processors, which say more where others use the machine, too."""

    def __call__(self) -> Any:
        """Does a round, and takes its time."""
        begin, working = time.perf_counter(), time.process_time()
        result = jax.block_until_ready(self._run())
        taken, worked = time.perf_counter() - begin, time.process_time() - working
        if self._first is None:
            self._first = taken
        else:
            self.seconds.append(taken)
            self.processors.append(worked)
        return result

    @property
    def median(self) -> float:
        """Seconds of a round."""
        return statistics.median(self.seconds)

    @property
    def compile_seconds(self) -> float:
        """What the first round took longer."""
        assert self._first is not None
        return round(max(self._first - self.median, 0.0), 2)

    def per_second(self, images: int) -> float:
        """Images per second of rounds of so many."""
        return float(f"{images / self.median:.4g}")


def take_turns(sides: Sequence[Side], rounds: int) -> None:
    """Every side runs once in each round; who begins changes. Rounds before are forgotten."""
    for side in sides:
        side.seconds.clear()
        side.processors.clear()
    for turn in range(rounds):
        for side in sides if turn % 2 else reversed(sides):
            side()


def check_equal(one: Any, other: Any, tolerance: float) -> None:
    """Both sides compute the same, up to so much; accelerators round the factors of products to ten bits or so.

    Raises:
        AssertionError: they do not.
    """
    allowed = tolerance if jax.default_backend() == "cpu" else max(tolerance, 2e-2)
    np.testing.assert_allclose(one, other, rtol=allowed, atol=allowed)


def ratios(one: Side, other: Side) -> list[float]:
    """Seconds of one side over those of the other, round by round."""
    return [a / b for a, b in zip(one.seconds, other.seconds, strict=True)]


def ratios_of_processors(one: Side, other: Side) -> list[float]:
    """The same of processors' seconds; of sides that work in this process."""
    return [a / b for a, b in zip(one.processors, other.processors, strict=True)]
