"""Evaluation and sampling of a trained network. Finished results are kept, so that an interruption repeats none."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from gudspec.data import Images
from gudspec.data.tables import read_mask
from gudspec.engine.compiled import Compiled
from gudspec.engine.console import Reporter
from gudspec.engine.events import Events
from gudspec.engine.heartbeat import Heartbeat
from gudspec.engine.mesh import gathered, local_rows, place_rows, place_whole
from gudspec.engine.parts import Parts
from gudspec.engine.prepare import Prepared
from gudspec.engine.processes import meet, share
from gudspec.engine.programs import evaluation, sampling
from gudspec.engine.signals import Stop
from gudspec.engine.workdir import Workdir
from gudspec.errors import Interrupted, Refused
from gudspec.program.compiler import AnyProgram
from gudspec.program.design import Statistics
from gudspec.program.keys import fold, root
from gudspec.program.train import Parameters
from gudspec.report.images import save_drawing
from gudspec.spec.models.results import AnyEvaluation, Sample, expand
from gudspec.spec.models.tasks import FileMask, Inpaint, Interpolate, Roundtrip

__all__ = ["Trained", "points"]

_FILE = "results.json"
_NO_CODE = {"name", "at", "zip", "count", "batch_size", "noise", "labels"}
"""What two drawings may differ in that have one program."""


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
        parameters: parameters to measure, on the mesh: the moving average.
        step: steps of training.
        mesh: the devices.
        workdir: where results are kept.
        reporter: who is told.
        stop: asks whether to stop between batches.
        heartbeat: is told what the run is doing.
    """

    program: AnyProgram
    prepared: Prepared
    statistics: Statistics
    parameters: Parameters
    step: int
    mesh: jax.sharding.Mesh
    workdir: Workdir
    reporter: Reporter
    stop: Stop
    heartbeat: Heartbeat

    @cached_property
    def _kept(self) -> dict[str, Any]:
        """Results that are there already: read once, so that all processes know of the same."""
        return share(lambda: self.workdir.read(_FILE))

    @cached_property
    def _programs(self) -> dict[str, Compiled]:
        """What was compiled, by what of an entry is no argument of its program."""
        return {}

    @cached_property
    def _shardings(self) -> Any:
        return jax.tree.map(lambda leaf: leaf.sharding, self.parameters)

    def evaluate(self) -> list[dict[str, Any]]:
        """All results of `evaluate`, at every point of their `at`."""
        results = []
        entries = ((entry, at) for entry in self.prepared.experiment.evaluate for at in points(entry))
        with Events(self.workdir) as events:
            for entry, at in entries:
                key = _key_of(entry, at, self.step)
                place = "".join(f" {path.rpartition('.')[2]}={value:g}" for path, value in at.items())
                result = self._kept.get(key)
                if result is None:
                    with self._parts(key) as parts:
                        result = self._evaluate(entry, at, parts)
                        self._keep(key, result)
                    events.scalars(self.step, {f"evaluate/{entry.name}{place}": result["value"]})
                results.append(result)
                self.reporter.say(
                    f"{entry.name}{place}: {result['value']:.4f} ± {result['standard_error']:.4f} bits/dim"
                    f" ({result['images']} {entry.split} images)"
                )
        return results

    def _evaluation(self, entry: AnyEvaluation) -> Compiled:
        """The program of an evaluation over all devices: one for all points, and all entries that differ in images."""
        key = entry.model_dump_json(exclude={"name", "at", "zip", "images", "split"})
        if key not in self._programs:
            jitted = evaluation(self.program.evaluation(entry), self._shardings, self.mesh)
            self._programs[key] = Compiled(jitted)
        return self._programs[key]

    def _parts(self, key: str) -> Parts:
        return Parts(self.workdir, f"{key}-{self.prepared.experiment.seed}")

    def _evaluate(self, entry: AnyEvaluation, at: Mapping[str, float], parts: Parts) -> dict[str, Any]:
        start, program = time.perf_counter(), self._evaluation(entry)
        images = self.images(entry)
        key = fold(root(self.prepared.experiment.seed), f"evaluate/{entry.name}")
        statistics, chosen = place_whole((self.statistics, self.program.at(at)), self.mesh)
        self.reporter.begin(entry.name, len(images))
        rows = local_rows(entry.batch_size, self.mesh)

        def batch(index: int) -> dict[str, np.ndarray]:
            placed = place_rows(_batch(images, index * entry.batch_size + rows), entry.batch_size, self.mesh)
            batch_key = place_whole(fold(key, "batch", index), self.mesh)
            return {"bits": np.asarray(program(self.parameters, statistics, placed, batch_key, chosen))}

        values: list[np.ndarray] = []
        for index, first in enumerate(range(0, len(images), entry.batch_size)):
            self.check_stop()
            self.heartbeat.progress(f"evaluating {entry.name}")
            last = first + entry.batch_size >= len(images)
            values.append(parts.take(index, partial(batch, index), more=not last)["bits"])
            self.reporter.advance(min(first + entry.batch_size, len(images)))
        self.reporter.end()
        bits = np.concatenate(values)[: len(images)].astype(np.float64)
        if (encoded := self.prepared.source.encoded) is not None:
            if encoded.sampled:
                bits = encoded.bits_of_images(bits, images)
            else:
                self.reporter.warn(f"{entry.name} is in bits/dim of latents: these are means, images need samples")
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
        return images if entry.images is None else images.spread(min(entry.images, len(images)))

    def sample(self) -> list[dict[str, Any]]:
        """All samples of `sample`, as pictures and arrays."""
        results = []
        asked = self.prepared.experiment.sample
        entries = ((entry, index, at) for entry in asked for index, at in enumerate(points(entry)))
        with Events(self.workdir) as events:
            for entry, index, at in entries:
                key = _key_of(entry, at, self.step)
                name = entry.name if len(points(entry)) == 1 else f"{entry.name}-{index}"
                result = self._kept.get(key)
                if result is None or not share((self.workdir.samples / f"{name}.png").exists):
                    result = self.draw(entry, name, at)
                    self._keep(key, result)
                    events.image(self.step, f"samples/{name}", self.workdir.path / result["file"])
                results.append(result)
                self.reporter.say(f"{entry.name}: {entry.count} samples in {self.workdir.samples / name}.png")
        return results

    def _sampling(self, entry: Sample) -> Compiled:
        """The program of a sample over all devices, among which the images are split.

        One for all points, and all entries that differ in noise and labels. Where the number of images cannot be split
        evenly, some more are drawn and left out.
        """
        count = self._rounded(entry.together)
        key = f"{count} {entry.model_dump_json(exclude=_NO_CODE)}"
        if key not in self._programs:
            draw = partial(self.program.drawing(entry, self._mask(entry)), count=count)
            condition = self._condition(entry, np.zeros(1, int))
            self._programs[key] = Compiled(sampling(draw, self._shardings, self.mesh, condition))
        return self._programs[key]

    def draw(self, entry: Sample, name: str, at: Mapping[str, float]) -> dict[str, Any]:
        """Draws one set of samples and writes it as `samples/<name>.png` and `.npz`."""
        start = time.perf_counter()
        with self._parts(_key_of(entry, at, self.step)) as parts:
            arrays = self._drawn(entry, at, parts)
            result = self._written(entry, name, at, arrays)
        meet()  # the others must not leave while the first still writes
        return {**result, "seconds": time.perf_counter() - start}

    def _drawn(self, entry: Sample, at: Mapping[str, float], parts: Parts) -> dict[str, np.ndarray]:
        """The arrays of an entry by name, the images along their first axis, drawn batch by batch."""
        batches: list[dict[str, np.ndarray]] = []
        self.reporter.begin(entry.name, entry.count)
        for index, first in enumerate(range(0, entry.count, entry.together)):
            self.check_stop()
            self.heartbeat.progress(f"sampling {entry.name}")
            last = first + entry.together >= entry.count
            batches.append(parts.take(index, partial(self._batch, entry, at, index), more=not last))
            self.reporter.advance(min(first + entry.together, entry.count))
        self.reporter.end()
        return {name: np.concatenate([one[name] for one in batches])[: entry.count] for name in batches[0]}

    def _batch(self, entry: Sample, at: Mapping[str, float], index: int) -> dict[str, np.ndarray]:
        """One batch of a drawing, by default all of it."""
        key = fold(root(self.prepared.experiment.seed), f"sample/{entry.name}" if entry.noise is None else "noise")
        key = key if entry.noise is None else fold(key, "number", entry.noise)
        key = fold(key, "batch", index) if index else key
        size = self._rounded(entry.together)
        rows = index * entry.together + local_rows(size, self.mesh)
        condition = place_rows(self._condition(entry, rows), size, self.mesh)
        arguments = place_whole((self.statistics, key, self.program.at(at)), self.mesh)
        drawn = gathered(self._sampling(entry)(self.parameters, *arguments, condition), self.mesh)
        return {name: array[: entry.together] for name, array in drawn.items()}

    def _rounded(self, count: int) -> int:
        """So many images that the devices can share them."""
        return -(-count // self.mesh.size) * self.mesh.size

    def _written(
        self, entry: Sample, name: str, at: Mapping[str, float], arrays: dict[str, np.ndarray]
    ) -> dict[str, Any]:
        """Writes what was drawn, and tells of it."""
        if failed := int((~np.isfinite(arrays["images"])).any(axis=tuple(range(1, arrays["images"].ndim))).sum()):
            why = ": the solver gave up; loosen `rtol` and `atol`" if entry.sampler.count is None else ""
            self.reporter.warn(f"{name}: {failed} of {entry.count} samples have values that are not finite{why}")
        if self.prepared.source.encoded is not None:
            arrays = {**{name: self._decoded(name, array) for name, array in arrays.items()}, "codes": arrays["images"]}
        if self.workdir.writes:
            self.workdir.write_arrays(f"samples/{name}.npz", arrays)
            save_drawing(self.workdir.samples / name, arrays)
        result = {"name": name, "at": dict(at), "count": entry.count, "file": f"samples/{name}.png"}
        if isinstance(entry.task, Roundtrip | Interpolate):
            # an interpolation begins with the original itself, encoded and decoded
            decoded = arrays["images"] if isinstance(entry.task, Roundtrip) else arrays["images"][:, 0]
            result["error"] = float(np.sqrt(np.mean((decoded - arrays["originals"]) ** 2)))
        return result

    @cached_property
    def _decode(self) -> Callable[[np.ndarray], np.ndarray]:
        from gudspec.engine.latents import decoder  # which opens workdirs, of which this is a part

        assert self.prepared.source.encoded is not None
        return decoder(self.prepared.source.encoded)

    def _decoded(self, name: str, array: np.ndarray) -> np.ndarray:
        """Drawn latents […, h, w, c] as images […, H, W, C]; what is not in the space of latents stays."""
        if name not in ("images", "originals", "frames"):
            return array
        images = self._decode(array.reshape(-1, *array.shape[-3:]))
        return images.reshape(*array.shape[:-3], *images.shape[1:])

    def _condition(self, entry: Sample, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What the drawings of these rows are given: labels, and the pixels of the images of a task."""
        condition = {}
        source = self.prepared.source
        if self.prepared.experiment.network.labels:
            labels = np.array(entry.labels or range(max(source.classes, 1)), np.int32)
            condition["labels"] = labels[rows % len(labels)]
        if (name := getattr(entry.task, "images", None)) is not None:
            images: Images | None = getattr(source, name)
            if images is None or not len(images):
                raise Refused(f"`{entry.name}` is given images of the {name} split, which this source does not have")
            given = images.spread(entry.count).take(rows % entry.count)
            condition["pixels"] = given.pixels
            if "labels" in condition and given.labels is not None and entry.labels is None:
                condition["labels"] = given.labels.astype(np.int32)
        return condition

    def _mask(self, entry: Sample) -> np.ndarray | None:
        """The content of the file of a mask."""
        if not isinstance(entry.task, Inpaint) or not isinstance(entry.task.mask, FileMask):
            return None
        index = [one.name for one in self.prepared.experiment.sample].index(entry.name)
        return read_mask(entry.task.mask, self.prepared.source.shape, f"sample.{index}.task.mask.path")

    def _keep(self, key: str, result: dict[str, Any]) -> None:
        self._kept[key] = result
        self.workdir.write(_FILE, self._kept)

    def check_stop(self, again: str = "continues") -> None:
        """Ends the run if it was asked to stop; every process asks equally often.

        Args:
            again: what the same command does the next time.

        Raises:
            Interrupted: it was.
        """
        if self.stop.check():
            raise Interrupted(f"stopped after training, in {self.workdir.path}; the same command {again}")


def _batch(images: Images, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Some rows of the images, which begin again behind the last."""
    part = images.take(rows % len(images))
    return {"pixels": part.pixels} | ({} if part.labels is None else {"labels": part.labels})
