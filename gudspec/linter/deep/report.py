"""What the deep lint reports, as text and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from gudspec.ahead.text import quantity, size, span, spoken, table, told
from gudspec.ahead.work import STEPS
from gudspec.ahead.xla import Compiled
from gudspec.spec.accelerators import Accelerator
from gudspec.spec.diagnostics import Diagnostic, Source

__all__ = ["BANDWIDTH", "UTILISATION", "Cost", "Costs"]

UTILISATION = 0.4
"""Assumed share of the peak FLOP/s: U-Nets of this kind reach 0.3 to 0.5 on accelerators."""
BANDWIDTH = 0.8
"""Assumed share of the peak bandwidth."""


class Cost(NamedTuple):
    """What one program costs."""

    name: str
    """Of the program: `train`, `evaluate/nll`, …"""
    images: int
    """Images at once, over all devices."""
    flops: float
    """Arithmetic of one call, over all devices."""
    traffic: float
    """Bytes to and from memory in one call, per device."""
    state: int
    """Bytes of parameters and what belongs to them, per device."""
    temporary: int
    """Bytes of activations, gradients and the like at the most, per device; an estimate."""
    calls: int | None
    """How often a run calls it; None where the number of images is not known."""
    adaptive: bool
    """Its length depends on the data; an adaptive solve is taken to need `STEPS`."""
    compiled: Compiled | None = None
    """What XLA says of it for the target."""
    compute: str = "float32"
    """Numbers in which the network computes."""

    @property
    def memory(self) -> int:
        """Bytes per device: XLA's where it was compiled, else estimated."""
        return self.compiled.memory if self.compiled else self.state + self.temporary

    def seconds(self, on: Accelerator, devices: int) -> float:
        """Estimated time of one call: the longer of arithmetic and memory traffic (roofline)."""
        arithmetic = self.flops / devices / (UTILISATION * on.peak(self.compute))
        return max(arithmetic, self.traffic / (BANDWIDTH * on.bandwidth))


@dataclass(frozen=True)
class Costs:
    """What the deep lint finds out about a spec."""

    source: Source
    diagnostics: tuple[Diagnostic, ...]
    """What is wrong, by position."""
    parameters: int = 0
    """Trained parameters."""
    devices: int = 1
    mesh: tuple[int, int] = (1, 1)
    """Devices along data and fsdp."""
    accelerator: Accelerator | None = None
    target: str | None = None
    programs: tuple[Cost, ...] = ()
    """Every program that could be traced; none if the devices cannot run the spec at all."""

    def text(self) -> str:
        """A table of the programs with what its numbers mean; empty without programs."""
        return "\n".join(self._lines()) if self.programs else ""

    def as_dict(self) -> dict[str, Any]:
        """The same for machines, in bytes, FLOPs and seconds."""
        return {
            "file": self.source.name,
            "parameters": self.parameters,
            "devices": self.devices,
            "mesh": {"data": self.mesh[0], "fsdp": self.mesh[1]},
            "accelerator": self.accelerator.name if self.accelerator else None,
            "target": self.target,
            "programs": [
                {
                    "name": cost.name,
                    "images": cost.images,
                    "flops": cost.flops,
                    "traffic_per_device": cost.traffic,
                    "memory_per_device": cost.memory,
                    "calls": cost.calls,
                    "adaptive": cost.adaptive,
                    "seconds": cost.seconds(self.accelerator, self.devices) if self.accelerator else None,
                    "compiled": cost.compiled.as_dict() if cost.compiled else None,
                }
                for cost in self.programs
            ],
        }

    def _lines(self) -> list[str]:
        lines = [f"{self.source.name}: {quantity(self.parameters)} parameters; {spoken(self.mesh)}"]
        header = ["program", "images", "FLOPs", "memory/device", "state", "temporary"]
        header += ["time", "calls", "in all"] if self.accelerator else []
        lines += table([header, *(self._row(cost) for cost in self.programs)])
        lines += [f"  {cost.name}: {self._compiled(cost.compiled)}" for cost in self.programs if cost.compiled]
        return lines + [f"  = {note}" for note in self._notes()]

    def _row(self, cost: Cost) -> list[str]:
        about = "~" if cost.adaptive else ""
        state, temporary = cost.state, cost.temporary
        if cost.compiled:
            state, temporary = cost.compiled.arguments, cost.compiled.temporary + cost.compiled.output
        row = [cost.name, f"{cost.images:,}", about + quantity(cost.flops)]
        row += [size(cost.memory), size(state), size(temporary)]
        if self.accelerator:
            seconds = cost.seconds(self.accelerator, self.devices)
            row += [about + span(seconds), "?" if cost.calls is None else f"{cost.calls:,}"]
            row += ["?" if cost.calls is None else about + span(seconds * cost.calls)]
        return row

    def _compiled(self, one: Compiled) -> str:
        return f"compiled in {one.seconds:.0f} s; {told(one)}"

    def _notes(self) -> list[str]:
        notes = ["FLOPs are counted in the trace, over all devices, scans as often as they turn"]
        if any(cost.adaptive for cost in self.programs):
            notes[0] += f"; an adaptive solve (~) is taken to need {STEPS} steps"
        notes.append(
            f"memory is what XLA plans for {self.target}"
            if self.target
            else "memory is estimated from the shapes: the state, and the stored arrays of the trace in its order"
        )
        if self.accelerator:
            on = self.accelerator
            peaks = dict.fromkeys(f"{on.peak(cost.compute) / 1e12:g}" for cost in self.programs)
            notes.append(
                f"time on {on.name}: the longer of FLOPs at {UTILISATION:.0%} of {' or '.join(peaks)} TFLOP/s and "
                f"traffic at {BANDWIDTH:.0%} of {on.bandwidth / 1e9:g} GB/s ({on.source}); without compilation, input "
                "and communication"
            )
            known = [cost.seconds(on, self.devices) * cost.calls for cost in self.programs if cost.calls is not None]
            notes.append(f"the whole run: about {span(sum(known))}, {span(sum(known) * self.devices)} of devices")
        return notes
