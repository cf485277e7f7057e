"""The report of a run: one HTML file that needs nothing but itself."""

from __future__ import annotations

import base64
import io
import itertools
import math
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from etils import epath
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from gudspec import __version__
from gudspec.report.figures import Line, chart, palette, shades
from gudspec.report.noising import noising
from gudspec.report.reading import Picture, Run, read_run
from gudspec.spec.models.samplers import Ode
from gudspec.spec.parameters import parameters

__all__ = ["render", "write_report"]


def write_report(workdir: str | os.PathLike[str]) -> epath.Path:
    """Writes `report.html` of a working directory, from the other files that are there.

    Args:
        workdir: a local folder or a `gs://` address.

    Returns:
        The file.
    """
    folder = epath.Path(workdir)
    temporary = folder / ".report.html.tmp"
    temporary.write_text(render(read_run(folder)), encoding="utf-8")
    temporary.replace(folder / "report.html")
    return folder / "report.html"


def render(run: Run) -> str:
    """The page of a run, as HTML.

    Args:
        run: what is known of it.
    """
    environment = Environment(
        loader=PackageLoader("gudspec", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.jinja").render(
        name=run.name,
        version=__version__,
        palettes={"light": palette(dark=False), "dark": palette(dark=True)},
        results=list(_results(run)),
        costs=list(_costs(run)),
        pictures=[_picture(picture, run) for picture in run.pictures],
        evaluations=[_evaluation(result) for result in run.summary.get("evaluations") or []],
        sweeps=list(_sweeps(run)),
        training=list(_training(run)),
        design=_design(run),
        spec=list(_spec_lines(run.spec)),
        provenance=list(_provenance(run)),
        parameters=run.parameters,
    )


class Fact(NamedTuple):
    """A number at the head of the page."""

    name: str
    value: str
    unit: str = ""
    note: str = ""


def _results(run: Run) -> Iterator[Fact]:
    """What a reader looks for first."""
    summary = run.summary
    nll, gaussian = _real(summary.get("nll_bits_per_dim")), _real(summary.get("gaussian_bits_per_dim"))
    if nll is not None:
        errors = (r.get("standard_error") for r in summary.get("evaluations") or [] if r.get("value") == nll)
        error = _real(next(errors, None))
        yield Fact("Negative log-likelihood", f"{nll:.3f}", "bits/dim", "" if error is None else f"± {error:.3f}")
    if gaussian is not None:
        yield Fact("Gaussian baseline", f"{gaussian:.3f}", "bits/dim", "full covariance, test split")
    if nll is not None and gaussian is not None:
        note = "better than the Gaussian" if nll < gaussian else "not better than the Gaussian"
        yield Fact("Difference", f"{nll - gaussian:+.3f}".replace("-", "−"), "bits/dim", note)


def _costs(run: Run) -> Iterator[Fact]:
    """What it took."""
    summary = run.summary
    if (steps := summary.get("steps") or (run.metrics[-1]["step"] if run.metrics else None)) is not None:
        yield Fact("Steps", f"{steps:,}", "", "" if run.summary else "so far")
    if (count := summary.get("parameters")) is not None:
        yield Fact("Parameters", f"{count:,}")
    if (speed := _real(summary.get("images_per_second"))) is not None:
        yield Fact("Speed", f"{speed:,.0f}", "images/s", "median, in training")
    if (seconds := _real(summary.get("wall_seconds"))) is not None:
        yield Fact("Training time", _duration(seconds))


def _real(value: Any) -> float | None:
    """The value, if it is a number worth printing."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _duration(seconds: float) -> str:
    """A time for people.

    >>> _duration(7.26), _duration(151), _duration(40_260)
    ('7.3 s', '2 min 31 s', '11 h 11 min')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _at(at: dict[str, float]) -> str:
    """Where something was measured, without the path that all parameters share."""
    return ", ".join(f"{path.removeprefix('design.schedule.')} = {value:g}" for path, value in at.items()) or "nominal"


def _picture(picture: Picture, run: Run) -> dict[str, Any]:
    image, facts = Image.open(io.BytesIO(picture.png)), picture.facts
    caption = []
    if facts:
        caption = [f"{facts.get('count', 0):,} images", _at(facts.get("at") or {}), _sampler(picture.name, run)]
        caption.append("" if (seconds := _real(facts.get("seconds"))) is None else _duration(seconds))
    return {
        "name": picture.name,
        "caption": " · ".join(filter(None, caption)),
        "uri": "data:image/png;base64," + base64.b64encode(picture.png).decode(),
        "width": image.width,
        "height": image.height,
    }


def _sampler(name: str, run: Run) -> str:
    """The sampler of a picture; pictures of an entry with several points are numbered: `name-0`."""
    entries = {entry.name: entry for entry in (run.experiment.sample if run.experiment else ())}
    entry = entries.get(name) or entries.get(name.rpartition("-")[0])
    if entry is None:
        return ""
    match entry.sampler:
        case Ode(solver="tsit5", rtol=rtol):
            return f"ode, tsit5 to {rtol:g}"
        case sampler:
            return f"{sampler.kind}, {sampler.count} steps"


def _evaluation(result: dict[str, Any]) -> dict[str, str]:
    value, error = _real(result.get("value")), _real(result.get("standard_error"))
    seconds = _real(result.get("seconds"))
    return {
        "name": result.get("name", ""),
        "kind": result.get("kind", ""),
        "at": _at(result.get("at") or {}),
        "value": "not finite" if value is None else f"{value:.4f}",
        "error": "" if error is None else f"± {error:.4f}",
        "images": f"{result.get('images', 0):,}",
        "split": result.get("split", ""),
        "seconds": "" if seconds is None else _duration(seconds),
    }


def _sweeps(run: Run) -> Iterator[Markup]:
    """A chart for every evaluation that was repeated along one parameter, as in GUD, Fig. 3."""
    results = run.summary.get("evaluations") or []
    for name, group in itertools.groupby(results, key=lambda result: result.get("name")):
        points = [result for result in group if len(result.get("at") or {}) == 1]
        paths = {path for point in points for path in point["at"]}
        if len(points) >= 3 and len(paths) == 1:
            (path,) = paths
            points.sort(key=lambda point: point["at"][path])
            x, y, error = (
                np.array(values, float)
                for values in zip(*((p["at"][path], p["value"], p["standard_error"]) for p in points), strict=True)
            )
            label = path.removeprefix("design.schedule.")
            yield chart([Line(x, y, error=error)], title=f"{name}, bits/dim", x=label)


def _training(run: Run) -> Iterator[Markup]:
    for key, title, logarithmic in (
        ("loss", "Loss", True),
        ("gradient_norm", "Gradient norm", True),
        ("images_per_second", "Speed, images/s", False),
    ):
        points = [(line["step"], line[key]) for line in run.metrics if isinstance(line.get(key), int | float)]
        if points:
            x, y = np.array(points, float).T
            yield chart([Line(x, y)], title=title, x="step", logarithmic=logarithmic, from_zero=not logarithmic)


def _design(run: Run) -> dict[str, Any] | None:
    if run.experiment is None:
        return None
    design, found = run.experiment.design, parameters(run.experiment)
    facts: list[tuple[str, str]] = [(part, getattr(design, part).kind) for part in ("basis", "prior", "schedule")]
    if (ordering := getattr(design.schedule, "ordering", None)) is not None:
        facts.append(("ordering", ordering.kind))
    for path, bounds in found.items():
        trained = f" (trained over {bounds.low:g} to {bounds.high:g})" if bounds.low < bounds.high else ""
        facts.append((path.removeprefix("design.schedule."), f"{bounds.value:g}{trained}"))
    if run.statistics is None:
        return {"facts": facts, "charts": [], "legend": [], "of": ""}
    rises = run.summary.get("path", {}).get("rises")
    curves = noising(run.experiment, run.statistics, None if rises is None else np.asarray(rises))
    colors = shades(len(curves.names))

    def panel(rows: np.ndarray, title: str) -> Markup:
        # drawn from last to first: where lines coincide, the first one is seen
        lines = [Line(curves.t, row, color) for row, color in zip(rows, colors, strict=True)]
        return chart(lines[::-1], title=title, x="t")

    panels = ((curves.sigma, "σ(t)"), (curves.gamma, "γ(t)"), (curves.log_snr, "log SNR(t)"))
    return {
        "facts": facts,
        "charts": [panel(rows, title) for rows, title in panels],
        "legend": list(zip(colors, curves.names, strict=True)),
        "of": curves.of,
    }


def _spec_lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line of the resolved spec, and the comment on the origin of its value."""
    for line in text.splitlines():
        value, hash_mark, origin = line.rpartition(" # ")
        yield (value, hash_mark + origin) if hash_mark else (line, "")


def _provenance(run: Run) -> Iterator[tuple[str, str]]:
    for key, value in run.provenance.items():
        match value:
            case dict():
                yield key, ", ".join(f"{name} {version}" for name, version in value.items())
            case list():
                # devices: a kind and a number; two hundred of a kind are one line
                kinds = Counter(str(item).rpartition(" ")[0] or str(item) for item in value)
                yield key, ", ".join(f"{count} × {kind}" for kind, count in kinds.items())
            case None:
                yield key, "unknown"
            case _:
                yield key, str(value)
    if digest := run.summary.get("parameters_sha256"):
        yield "parameters_sha256", str(digest)
