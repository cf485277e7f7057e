"""Metrics of training: collected on the device, read once per interval, written for people and for machines."""

from __future__ import annotations

import json
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from clu import metrics as clu_metrics

from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged

__all__ = ["Interval", "MetricsLog", "read_metrics"]


_Averages = clu_metrics.Collection.create(
    **{name: clu_metrics.Average.from_output(name) for name in ("loss", "gradient_norm")}
)


class Interval:
    """The steps since metrics were last read. Nothing is read from the device before `close`."""

    def __init__(self) -> None:
        self._steps: list[dict[str, jax.Array]] = []
        self._images = 0
        self._start = self._timed_from = time.perf_counter()

    def restart(self) -> None:
        """What came before, such as a compilation, took time but is not part of the speed."""
        self._images = 0
        self._timed_from = time.perf_counter()

    def add(self, metrics: dict[str, jax.Array], images: int) -> None:
        """Counts one step."""
        self._steps.append(metrics)
        self._images += images

    def close(self, step: int) -> dict[str, float]:
        """Reads the metrics and starts a new interval.

        Args:
            step: steps taken by now.

        Returns:
            Means over the interval, and its speed.

        Raises:
            Diverged: a loss or a gradient is not finite; the message names the step.
        """
        stacked = {name: jnp.stack([metrics[name] for metrics in self._steps]) for name in self._steps[0]}
        now = time.perf_counter()
        seconds, timed = now - self._start, now - self._timed_from
        for name, values in stacked.items():
            finite = np.isfinite(np.asarray(values))
            if not finite.all():
                first = int(np.argmin(finite))
                raise Diverged(
                    f"the {name.replace('_', ' ')} is {values[first]} at step {step - len(finite) + first + 1}"
                )
        averages = _Averages.single_from_model_output(**stacked).compute()
        images, self._steps, self._images = self._images, [], 0
        self._start = self._timed_from = now
        return {
            "step": step,
            **{name: float(value) for name, value in averages.items()},
            "images_per_second": images / timed,
            "seconds": seconds,
        }


class MetricsLog:
    """`metrics.jsonl` and TensorBoard events of a workdir.

    Args:
        workdir: where they are written.
        step: the step from which training goes on; lines of later steps, from an attempt that was cut off, are removed.
    """

    def __init__(self, workdir: Workdir, step: int):
        from tensorboardX import SummaryWriter

        kept = [line for line in read_metrics(workdir) if line["step"] <= step]
        workdir.write_text(workdir.metrics.name, "".join(json.dumps(line) + "\n" for line in kept))
        self._lines = workdir.metrics.open("a")
        self._events = SummaryWriter(str(workdir.path / "events"), purge_step=step + 1)

    def write(self, line: dict[str, float]) -> None:
        """Appends one interval."""
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        for name, value in line.items():
            if name != "step":
                self._events.add_scalar(f"train/{name}", value, int(line["step"]))

    def close(self) -> None:
        """Flushes both files."""
        self._lines.close()
        self._events.close()


def read_metrics(workdir: Workdir) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; a line that was cut off is left out."""
    try:
        text = workdir.metrics.read_text()
    except FileNotFoundError:
        return []
    # only the last line can be incomplete, and then it does not end
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
