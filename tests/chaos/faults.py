"""The list of faults: what is done to which run, drawn from a seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

__all__ = ["Attempt", "Case", "case"]

AT_REST = ("bit_flip", "truncate", "remove", "torn_metrics", "torn_results", "torn_statistics", "lost_statistics")
"""What is done to the files of a run that stands still."""
RUNNING = {"kill": 5, "kill_in_save": 4, "term": 4, "full_disk": 3, "read_only": 1, "second_run": 1}
"""What is done to a run that is going on, and how often relative to the others."""
TOGETHER = {"kill": 3, "kill_in_save": 2, "kill_peer": 3, "term": 3, "second_run": 1}
"""The same for a run of two processes."""
MOMENTS = {"start": 2, "training": 5, "after": 2}
"""When: at a time after the start, after a line of metrics, or at a time after the last step."""


@dataclass(frozen=True)
class Attempt:
    """One start of a run and what happens to it.

    Args:
        rest: done to its files before it starts.
        fault: done while it runs.
        moment: when.
        when: in [0, 1): where in that moment.
        seed: of the details.
    """

    rest: str | None
    fault: str
    moment: str
    when: float
    seed: int

    @property
    def faults(self) -> list[str]:
        """Names of what is done, with the moment."""
        timed = self.fault in ("kill", "term", "kill_peer")
        return [*([self.rest] if self.rest else []), f"{self.fault} ({self.moment})" if timed else self.fault]


@dataclass(frozen=True)
class Case:
    """One run that has to end like an undisturbed one.

    Args:
        index: of the list.
        processes: how many run together.
        attempts: what happens before the last start, which is left alone.
    """

    index: int
    processes: int
    attempts: tuple[Attempt, ...]


def case(seed: int, index: int) -> Case:
    """The case at a place of the list of a seed; it depends on nothing else.

    >>> case(0, 3) == case(0, 3), case(0, 3) == case(1, 3)
    (True, False)
    """
    draw = random.Random(f"{seed}/{index}")
    processes = 2 if index % 6 == 5 else 1
    running = TOGETHER if processes > 1 else RUNNING
    attempts = []
    for number in range(draw.randint(2, 4)):
        fault = draw.choices(list(running), list(running.values()))[0]
        rest = draw.choice(AT_REST) if number and draw.random() < 0.6 else None  # nothing lies there at first
        moment = draw.choices(list(MOMENTS), list(MOMENTS.values()))[0]
        attempts.append(Attempt(rest, fault, moment, draw.random(), draw.getrandbits(32)))
    return Case(index, processes, tuple(attempts))
