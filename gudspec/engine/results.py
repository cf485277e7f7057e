"""Evaluation and sampling of a trained network. Finished results are kept, so that an interruption repeats none."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from gudspec.data import Images
from gudspec.engine.console import Reporter
from gudspec.engine.mesh import place_batch
from gudspec.engine.prepare import Prepared
from gudspec.engine.signals import StopRequest
from gudspec.engine.workdir import Workdir
from gudspec.errors import Interrupted, Refused
from gudspec.program.design import Statistics
from gudspec.program.keys import fold, root
from gudspec.program.program import Program
from gudspec.program.train import Parameters
from gudspec.report.images import save_grid
from gudspec.spec.models.results import AnyEvaluation, Sample, expand

__all__ = ["Trained", "points"]

_FILE = "results.json"


def points(entry: AnyEvaluation | Sample) -> list[dict[str, float]]:
    """The parameter values at which an entry is measured: the grid, or the zip, of its `at`."""
    values = [expand(value) for value in entry.at.values()]
    combined = zip(*values, strict=True) if entry.zip and values else itertools.product(*values)
    return [dict(zip(entry.at, combination, strict=True)) for combination in combined]


def _key_of(entry: AnyEvaluation | Sample, at: Mapping[str, float], step: int) -> str:
    """Identity of a result: what was asked, where, of which parameters."""
    asked = json.dumps([entry.model_dump(exclude={"at", "zip"}), dict(at), step], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with all that is needed to measure it.

    Args:
        program: the compiled spec.
        prepared: the experiment and its data.
        statistics: statistics of the training split.
        parameters: parameters to measure: the moving average.
        step: steps of training.
        mesh: the devices.
        workdir: where results are kept.
        reporter: who is told.
        stop: asks whether to stop between batches.
    """

    program: Program
    prepared: Prepared
    statistics: Statistics
    parameters: Parameters
    step: int
    mesh: jax.sharding.Mesh
    workdir: Workdir
    reporter: Reporter
    stop: StopRequest

    def evaluate(self) -> list[dict[str, Any]]:
        """All results of `evaluate`, at every point of their `at`."""
        results = []
        for entry in self.prepared.experiment.evaluate:
            program = None
            for at in points(entry):
                key = _key_of(entry, at, self.step)
                result = self.workdir.read(_FILE).get(key)
                if result is None:
                    program = program or self.program.evaluation(entry)  # one compilation for all points
                    result = self._evaluate(entry, program, at)
                    self._keep(key, result)
                results.append(result)
                place = "".join(f" {path.rpartition('.')[2]}={value:g}" for path, value in at.items())
                self.reporter.say(
                    f"{entry.name}{place}: {result['value']:.4f} ± {result['standard_error']:.4f} bits/dim"
                    f" ({result['images']} {entry.split} images)"
                )
        return results

    def _evaluate(self, entry: AnyEvaluation, program: Any, at: Mapping[str, float]) -> dict[str, Any]:
        start = time.perf_counter()
        images = self.images(entry)
        values: list[np.ndarray] = []
        key = fold(root(self.prepared.experiment.seed), f"evaluate/{entry.name}")
        self.reporter.begin(entry.name, len(images))
        for index, (batch, count) in enumerate(_batches(images, entry.batch_size)):
            self._check_stop()
            batch_on_devices = place_batch(batch, self.mesh)
            bits = program(
                self.parameters, self.statistics, batch_on_devices, fold(key, "batch", index), self.program.at(at)
            )
            values.append(np.asarray(bits)[:count])
            self.reporter.advance(sum(map(len, values)))
        self.reporter.end()
        bits = np.concatenate(values).astype(np.float64)
        if failed := int((~np.isfinite(bits)).sum()):
            self.reporter.warn(f"{entry.name}: {failed} of {len(bits)} images have no finite value")
        return {
            "name": entry.name,
            "kind": entry.kind,
            "split": entry.split,
            "at": dict(at),
            "value": float(bits.mean()),
            "standard_error": float(bits.std(ddof=1) / math.sqrt(len(bits))) if len(bits) > 1 else math.nan,
            "images": len(bits),
            "seconds": time.perf_counter() - start,
        }

    def images(self, entry: AnyEvaluation) -> Images:
        """The images that an evaluation takes."""
        images: Images | None = getattr(self.prepared.source, entry.split)
        if images is None or not len(images):
            raise Refused(
                f"`evaluate` asks for the {entry.split} split, which this source does not have: set `data.validation`"
            )
        return images.take(np.arange(len(images))[: entry.images])

    def sample(self) -> list[dict[str, Any]]:
        """All samples of `sample`, as pictures and arrays."""
        results = []
        for entry in self.prepared.experiment.sample:
            program = None
            for index, at in enumerate(points(entry)):
                key = _key_of(entry, at, self.step)
                name = entry.name if len(points(entry)) == 1 else f"{entry.name}-{index}"
                result = self.workdir.read(_FILE).get(key)
                if result is None or not (self.workdir.samples / f"{name}.png").exists():
                    self._check_stop()
                    program = program or self.program.sampler(entry.sampler)
                    result = self.draw(entry, name, at, program)
                    self._keep(key, result)
                results.append(result)
                self.reporter.say(f"{entry.name}: {entry.count} samples in {self.workdir.samples / name}.png")
        return results

    def draw(self, entry: Sample, name: str, at: Mapping[str, float], program: Any) -> dict[str, Any]:
        """Draws one set of samples and writes it as `samples/<name>.png` and `.npz`."""
        start = time.perf_counter()
        key = fold(root(self.prepared.experiment.seed), f"sample/{entry.name}")
        condition = {}
        if self.prepared.experiment.network.labels:
            condition["labels"] = np.arange(entry.count, dtype=np.int32) % max(self.prepared.source.classes, 1)
        images = program(self.parameters, self.statistics, key, self.program.at(at), condition, count=entry.count)
        images = np.asarray(images)
        self.workdir.samples.mkdir(parents=True, exist_ok=True)
        with (self.workdir.samples / f"{name}.npz").open("wb") as file:
            np.savez(file, images=images)
        save_grid(self.workdir.samples / f"{name}.png", images)
        seconds = time.perf_counter() - start
        return {"name": name, "at": dict(at), "count": entry.count, "seconds": seconds, "file": f"samples/{name}.png"}

    def _keep(self, key: str, result: dict[str, Any]) -> None:
        self.workdir.write(_FILE, {**self.workdir.read(_FILE), key: result})

    def _check_stop(self) -> None:
        if self.stop.requested:
            raise Interrupted(f"stopped after training; the same command continues in {self.workdir.path}")


def _batches(images: Images, size: int) -> Iterator[tuple[dict[str, np.ndarray], int]]:
    """Batches of one size, the last filled up with repetitions, and how many images of each count."""
    for start in range(0, len(images), size):
        rows = np.arange(start, start + size)
        part = images.take(rows % len(images))
        count = min(size, len(images) - start)
        yield {"pixels": part.pixels} | ({} if part.labels is None else {"labels": part.labels}), count
