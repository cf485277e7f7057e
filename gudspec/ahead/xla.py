"""What XLA says of a program that it has compiled."""

from __future__ import annotations

import math
import re
import time
from typing import Any, NamedTuple

__all__ = ["Collective", "Compiled", "collectives", "compiled"]

_COLLECTIVE = re.compile(
    r"= (?P<result>.+?) (?P<name>all-reduce|all-gather|reduce-scatter|all-to-all|collective-permute)(?:-start)?\("
)
_ARRAY = re.compile(r"\b(?P<kind>pred|[a-z]+(?P<bits>\d+)\w*)\[(?P<shape>[\d,]*)\]")


class Collective(NamedTuple):
    """What devices tell each other by operations of one kind."""

    operations: int
    """How many there are; what is inside loops counts once."""
    bytes: int
    """Size of their results together, per device."""


class Compiled(NamedTuple):
    """What XLA says of a program, per device."""

    seconds: float
    """Time to compile."""
    flops: float
    """Arithmetic, the inside of every loop counted once."""
    traffic: float
    """Bytes to and from memory, likewise."""
    arguments: int
    """Bytes of the arguments."""
    temporary: int
    """Bytes of everything in between, at the most."""
    output: int
    """Bytes of results that do not take the place of arguments."""
    collectives: dict[str, Collective]
    """Communication, by kind."""

    @property
    def memory(self) -> int:
        """Bytes at the most."""
        return self.arguments + self.temporary + self.output

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return self._asdict() | {"collectives": {name: of._asdict() for name, of in self.collectives.items()}}


def compiled(lowered: Any) -> Compiled:
    """Compiles a program and reads what XLA says of it."""
    start = time.perf_counter()
    executable = lowered.compile()
    seconds = time.perf_counter() - start
    memory, cost = executable.memory_analysis(), executable.cost_analysis() or {}
    return Compiled(
        seconds,
        float(cost.get("flops", 0.0)),
        float(cost.get("bytes accessed", 0.0)),
        memory.argument_size_in_bytes,
        memory.temp_size_in_bytes,
        memory.output_size_in_bytes - memory.alias_size_in_bytes,
        collectives(executable.as_text()),
    )


def collectives(text: str) -> dict[str, Collective]:
    """The collective operations of a compiled program, by kind.

    >>> collectives("%sum = (f32[3,4]{1,0}, f32[]) all-reduce(%a, %b), to_apply=%add")
    {'all-reduce': Collective(operations=1, bytes=52)}
    """
    found: dict[str, Collective] = {}
    for line in text.splitlines():
        if match := _COLLECTIVE.search(line):
            before = found.get(match["name"], Collective(0, 0))
            size = sum(map(_bytes, _ARRAY.finditer(match["result"])))
            found[match["name"]] = Collective(before.operations + 1, before.bytes + size)
    return found


def _bytes(array: re.Match[str]) -> int:
    count = math.prod(int(size) for size in array["shape"].split(",") if size)
    return count * int(array["bits"] or 8) // 8
