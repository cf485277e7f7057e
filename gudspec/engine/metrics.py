"""Metrics of training: collected on the device, read once per interval, written for people and for machines."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from clu import metrics as clu_metrics

from gudspec.engine.events import Events
from gudspec.engine.jsonfiles import read_intervals
from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged
from gudspec.spec.accelerators import peak_flops

__all__ = ["Interval", "MetricsLog", "device_facts", "read_metrics"]


_Averages = clu_metrics.Collection.create(
    **{name: clu_metrics.Average.from_output(name) for name in ("loss", "gradient_norm")}
)


class Interval:
    """The steps since metrics were last read. Nothing is read from the device before `close`.

    Args:
        compute: numbers in which the network computes.
    """

    def __init__(self, compute: str = "float32") -> None:
        self._compute = compute
        self._steps: list[dict[str, jax.Array]] = []
        self._start = time.perf_counter()
        self.restart()

    def restart(self) -> None:
        """What came before, such as a compilation, took time but is not part of the speed."""
        self._images, self._timed_steps, self._flops = 0, 0, 0.0
        self._spent = {"input": 0.0, "checkpoint": 0.0}
        self._timed_from = time.perf_counter()

    @contextmanager
    def spending(self, what: str) -> Iterator[None]:
        """Counts the time inside as that of `input` or `checkpoint`; the rest is that of the steps."""
        start = time.perf_counter()
        yield
        self._spent[what] += time.perf_counter() - start

    def add(self, metrics: dict[str, jax.Array], images: int, flops: float) -> None:
        """Counts one step, its images and its arithmetic over all devices."""
        for value in metrics.values():
            value.copy_to_host_async()  # on its way as soon as it is known
        self._steps.append(metrics)
        self._images += images
        self._timed_steps += 1
        self._flops += flops

    def close(self, step: int, limit: float | None = None) -> dict[str, float]:
        """Reads the metrics and starts a new interval.

        Args:
            step: steps taken by now.
            limit: a loss above it has exploded.

        Returns:
            Means over the interval, its speed, and where its time went.

        Raises:
            Diverged: a loss or a gradient is not finite, or a loss exploded; the message names the step.
        """
        stacked = {name: np.stack([np.asarray(m[name]) for m in self._steps]) for name in self._steps[0]}
        now = time.perf_counter()
        seconds, timed = now - self._start, now - self._timed_from
        for name, values in stacked.items():
            good = np.isfinite(values)
            if limit is not None and name == "loss":
                good &= ~(values > limit)
            if not good.all():
                index = int(np.argmin(good))
                at = step - len(good) + index + 1
                where = f"is {values[index]:g}"
                much = f", above the {limit:g} of `train.explosion`," if np.isfinite(values[index]) and limit else ""
                raise Diverged(f"the {name.replace('_', ' ')} {where}{much} at step {at}", at)
        averages = _Averages.single_from_model_output(**jax.tree.map(jnp.asarray, stacked)).compute()
        line = {
            "step": step,
            **{name: float(value) for name, value in averages.items()},
            "images_per_second": self._images / timed,
            "seconds": seconds,
            "input_seconds": self._spent["input"],
            "checkpoint_seconds": self._spent["checkpoint"],
            "step_seconds": max(timed - sum(self._spent.values()), 0.0) / max(self._timed_steps, 1),
            **device_facts(self._flops / timed, self._compute),
        }
        self._steps, self._start = [], now
        self.restart()
        return line


def device_facts(flops: float, compute: str) -> dict[str, float]:
    """Arithmetic and memory of the devices, as far as they are known.

    Args:
        flops: FLOP/s over all devices; 0 if unknown.
        compute: numbers in which the network computes.
    """
    device = jax.local_devices()[0]
    facts = {"flops_per_second": flops} if flops else {}
    if flops and (peak := peak_flops(device.device_kind, compute)):
        facts["utilization"] = flops / (peak * jax.device_count())
    memory = device.memory_stats() or {}
    return facts | ({"memory_bytes": float(memory["peak_bytes_in_use"])} if "peak_bytes_in_use" in memory else {})


class MetricsLog:
    """`metrics.jsonl` of a workdir, and the same for TensorBoard.

    Args:
        workdir: where they are written.
        step: the step from which training goes on; lines of later steps, from an attempt that was cut off, are removed.
    """

    def __init__(self, workdir: Workdir, step: int):
        self._workdir, self.events = workdir, Events(workdir, purge=step + 1)
        if workdir.writes:
            warn = logging.getLogger(__name__).warning
            kept = [line for line in read_intervals(workdir.metrics, warn) if line["step"] <= step]
            workdir.write_text(workdir.metrics.name, "".join(json.dumps(line) + "\n" for line in kept))

    def write(self, line: dict[str, float]) -> None:
        """Appends one interval."""
        self._workdir.append(self._workdir.metrics.name, json.dumps(line) + "\n")
        scalars = {f"train/{name}": value for name, value in line.items() if name != "step"}
        self.events.scalars(int(line["step"]), scalars)

    def close(self) -> None:
        """Ends the events, whose every line is on disk already."""
        # a full disk was reported when it was written to; errors of object stores are no OSErrors
        with suppress(Exception):
            self.events.close()


def read_metrics(workdir: Workdir) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; a line that was cut off, or damaged, is left out."""
    return read_intervals(workdir.metrics)
