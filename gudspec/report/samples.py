"""What a page shows of the images that a run has drawn: pictures, animations, ways from noise, round trips."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from gudspec.report.images import grid, png
from gudspec.report.numbers import duration, place, real
from gudspec.report.pictures.forward import noised
from gudspec.report.reading import Picture, Run
from gudspec.report.view import View
from gudspec.spec.models import Experiment
from gudspec.spec.models import tasks as task
from gudspec.spec.models.results import Sample
from gudspec.spec.models.samplers import Ddim, Ode
from gudspec.spec.parameters import short_name

__all__ = ["Shown", "Way", "data_uri", "entry_of", "round_trips", "sampler_name", "shown", "ways"]

_TIMES = 8
"""Columns of a way, at most: as many can be told apart on a phone."""
_TALLEST = 38
"""Height of a picture on the page, in rem, at most."""


class Shown(NamedTuple):
    """A picture on a page."""

    name: str
    caption: str
    order: str
    """What stands beside what, from left to right; empty where all images are of one kind."""
    alt: str
    uri: str
    width: int
    """In pixels."""
    height: int
    """In pixels."""
    animation: str | None
    """The way from noise to these images, a GIF of the same size."""

    @property
    def widest(self) -> float:
        """The width, in rem, at which the picture is as tall as one may be."""
        return round(_TALLEST * self.width / self.height, 2)


class Way(NamedTuple):
    """A few images on their way to noise and from noise, as in GUD (arXiv:2410.02667), Fig. 4."""

    name: str
    times: list[str]
    """The time of each column, from 0, data, to 1, noise."""
    forward: str | None
    """The drawn images, noised again; None where the path is not known."""
    reverse: str
    """How they were drawn."""
    rows: int


def data_uri(content: bytes, kind: str = "png") -> str:
    """A picture as part of the page itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def shown(picture: Picture, run: Run) -> Shown:
    """A picture with what can be said of it."""
    image, facts, entry = Image.open(io.BytesIO(picture.png)), picture.facts, entry_of(picture, run)
    count = facts.get("count") or picture.shapes.get("images", (0,))[0]
    caption = [f"{count:,} images"] if count else []
    caption += [] if entry is None else _asked(entry)
    if facts:
        caption += [place(facts.get("at") or {}), "" if entry is None else sampler_name(entry)]
    if (error := real(facts.get("error"))) is not None:
        caption.append(f"round-trip error {error:.2g}")
    caption.append("" if (seconds := real(facts.get("seconds"))) is None else duration(seconds))
    kind = "generate" if entry is None else entry.task.kind
    return Shown(
        name=picture.name,
        caption=" · ".join(filter(None, caption)),
        order=_order(picture, entry),
        alt=f"Generated images: {picture.name}" if kind == "generate" else f"Images of the task {kind}: {picture.name}",
        uri=data_uri(picture.png),
        width=image.width,
        height=image.height,
        animation=None if picture.animation is None else data_uri(picture.animation, "gif"),
    )


def entry_of(picture: Picture, run: Run) -> Sample | None:
    """The entry of a picture; those of an entry with several points are numbered: `name-0`.

    None of a picture that was drawn later: its task, path and sampler may be others than the spec's.
    """
    if not picture.facts:
        return None
    entries = {entry.name: entry for entry in (run.experiment.sample if run.experiment else ())}
    return entries.get(picture.name) or entries.get(picture.name.rpartition("-")[0])


def _asked(entry: Sample) -> Iterator[str]:
    """The task and the labels, where there are any."""
    match entry.task:
        case task.Inpaint(mask=mask):
            yield (
                f"inpaint, {mask.hidden} half hidden"
                if isinstance(mask, task.HalfMask)
                else f"inpaint, {mask.kind} mask"
            )
        case task.Upscale(levels=levels):
            yield f"upscale by {2**levels}"
        case task.Reconstruct(time=time):
            yield f"reconstruct from t = {time:g}"
        case task.Extend(length=length):
            yield f"extend to {length:,} pixels"
        case task.Generate():
            pass
        case other:
            yield other.kind
    if entry.labels is not None:
        yield f"label{'s' * (len(entry.labels) > 1)} {', '.join(map(str, entry.labels))}"
    if entry.guidance != 1:
        yield f"guidance {entry.guidance:g}"


def sampler_name(entry: Sample) -> str:
    """The sampler of an entry and its steps."""
    match entry.sampler:
        case Ode(solver="tsit5", rtol=rtol):
            return f"ode, tsit5 to {rtol:g}"
        case Ddim(eta=eta) as sampler if eta:
            return f"ddim η = {eta:g}, {sampler.count} steps"
        case sampler:
            return f"{sampler.kind}, {sampler.count} steps"


def _order(picture: Picture, entry: Sample | None) -> str:
    """What the images of each group are, as `gudspec.report.images.save_drawing` places them."""
    before = [name for name in ("originals", "given") if name in picture.shapes]
    if not before:
        return ""
    images = picture.shapes["images"]
    many = images[1] if len(images) == 5 else 1
    if entry is not None and isinstance(entry.task, task.Interpolate):
        return f"In each group an original, and {many} images that lead from it to the next one."
    names = ["original" if name == "originals" else name for name in before]
    drawn = "drawn" if many == 1 else f"{many} drawn"
    if entry is not None and isinstance(entry.task, task.Roundtrip):
        drawn = "decoded"
    return f"In each group, from left to right: {', '.join([*names, drawn])}."


def ways(run: Run) -> Iterator[Way]:
    """The forward and the reverse process of every picture whose frames were kept."""
    for picture in run.pictures:
        if (frames := picture.frames) is None:
            continue
        count = frames.shape[1]  # at even times from 1 to 0
        kept = np.unique(np.linspace(0, count - 1, min(count, _TIMES)).round().astype(int))[::-1]
        t = 1 - kept / (count - 1)
        noisy = _noised(picture, run, frames[:, -1], t)
        forward = None if noisy is None else data_uri(_strips(noisy))
        times = [f"{time:.2f}".rstrip("0").rstrip(".") for time in t]
        yield Way(picture.name, times, forward, data_uri(_strips(frames[:, kept])), len(frames))


def _strips(images: np.ndarray) -> bytes:
    """A row for each of [n, T, H, W, C]."""
    return png(grid(images.reshape(-1, *images.shape[2:]), columns=images.shape[1]))


def _noised(picture: Picture, run: Run, images: np.ndarray, t: np.ndarray) -> np.ndarray | None:
    """The images on the path on which they were drawn, [n, T, H, W, C]; None if it is not known."""
    entry = entry_of(picture, run)
    if run.experiment is None or run.statistics is None or entry is None:
        return None
    if images.shape[1:] != run.statistics.mean.shape:
        return None
    view = View(_on_path(run.experiment, entry), run.statistics, None if entry.schedule is not None else run.rises)
    at = view.at | {short_name(path): value for path, value in (picture.facts.get("at") or {}).items()}
    return noised(view, images, t, run.experiment.seed, at)


def _on_path(experiment: Experiment, entry: Sample) -> Experiment:
    if entry.schedule is None:
        return experiment
    design = experiment.design.model_copy(update={"schedule": entry.schedule})
    return experiment.model_copy(update={"design": design})


def round_trips(run: Run) -> list[dict[str, Any]]:
    """The error of every round trip: root mean square over all pixels, in [−1, 1] and in grey levels of 255."""
    rows = []
    for picture in run.pictures:
        error, entry = real(picture.facts.get("error")), entry_of(picture, run)
        if error is not None:
            rows.append(
                {
                    "name": picture.name,
                    "task": "" if entry is None else entry.task.kind,
                    "at": place(picture.facts.get("at") or {}),
                    "sampler": "" if entry is None else sampler_name(entry),
                    "images": f"{picture.facts.get('count', 0):,}",
                    "error": f"{error:.3g}",
                    "levels": f"{error * 127.5:.3g}",
                }
            )
    return rows
