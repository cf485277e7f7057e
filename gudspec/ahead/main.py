"""The programs of a spec, compiled without running any: what each takes, and how long it takes to get there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from gudspec.ahead.placement import placed
from gudspec.ahead.text import quantity, size, span, spoken, table, told
from gudspec.ahead.work import STEPS, work
from gudspec.ahead.xla import Compiled, compiled
from gudspec.program.abstract import Call

__all__ = ["Ahead", "Programs", "ahead"]


class Ahead(NamedTuple):
    """A program that was compiled."""

    name: str
    """`init`, `train`, `evaluate/nll`, …"""
    images: int
    """Images at once, over all devices."""
    flops: float
    """Arithmetic of one call over all devices, counted in the trace: scans as often as they turn."""
    adaptive: bool
    """Its length depends on the data; an adaptive solve is taken to need `STEPS`."""
    tracing: float
    """Seconds to trace it."""
    lowering: float
    """Seconds to lower it to StableHLO."""
    compiled: Compiled
    """What XLA says of it."""

    def as_dict(self) -> dict[str, Any]:
        """The same for machines, in bytes, FLOPs and seconds."""
        told = self.compiled.as_dict()
        seconds = {"tracing": self.tracing, "lowering": self.lowering, "compiling": told.pop("seconds")}
        return {
            "name": self.name,
            "images": self.images,
            "flops": self.flops,
            "adaptive": self.adaptive,
            "memory_per_device": self.compiled.memory,
            "seconds": seconds,
            "compiled": told,
        }


def ahead(call: Call, mesh: Any) -> Ahead:
    """Traces, lowers and compiles one program as a run would.

    Args:
        call: the program.
        mesh: the devices, which may be those of a target.
    """
    start = time.perf_counter()
    jitted, arguments = placed(call, mesh)
    trace = jitted.trace(*arguments)
    traced = time.perf_counter()
    lowered = trace.lower()
    done = time.perf_counter()
    one = work(trace.jaxpr.jaxpr)
    flops, _ = one.total(STEPS)
    return Ahead(call.name, call.images, flops, one.looped_flops > 0, traced - start, done - traced, compiled(lowered))


@dataclass(frozen=True)
class Programs:
    """The programs of a spec on some devices."""

    file: str
    parameters: int
    """Trained parameters."""
    mesh: tuple[int, int]
    """Devices along data and fsdp."""
    device: str
    """What JAX calls one of them."""
    target: str | None
    programs: tuple[Ahead, ...]

    def text(self) -> str:
        """A table, and what its numbers mean."""
        return "\n".join(self._lines())

    def as_dict(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "file": self.file,
            "parameters": self.parameters,
            "devices": self.mesh[0] * self.mesh[1],
            "mesh": {"data": self.mesh[0], "fsdp": self.mesh[1]},
            "device": self.device,
            "target": self.target,
            "programs": [one.as_dict() for one in self.programs],
        }

    def _lines(self) -> Iterator[str]:
        yield f"{self.file}: {quantity(self.parameters)} parameters; {spoken(self.mesh)} ({self.target or self.device})"
        header = ["program", "images", "FLOPs", "memory/device", "arguments", "temporary", "output"]
        header += ["tracing", "lowering", "compiling"]
        yield from table([header, *map(self._row, self.programs)])
        for one in self.programs:
            yield f"  {one.name}: {told(one.compiled)}"
        note = "FLOPs are counted in the trace, what every device repeats once, scans as often as they turn"
        if any(one.adaptive for one in self.programs):
            note += f"; an adaptive solve (~) is taken to need {STEPS} steps"
        yield f"  = {note}"
        yield "  = memory is what XLA plans; output is what does not take the place of arguments"

    @staticmethod
    def _row(one: Ahead) -> list[str]:
        memory = (one.compiled.memory, one.compiled.arguments, one.compiled.temporary, one.compiled.output)
        times = (one.tracing, one.lowering, one.compiled.seconds)
        flops = ("~" if one.adaptive else "") + quantity(one.flops)
        return [one.name, f"{one.images:,}", flops, *map(size, memory), *map(span, times)]
