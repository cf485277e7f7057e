"""The report of a run: one HTML file that needs nothing but itself."""

from __future__ import annotations

import io
import itertools
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
from gudspec.program.design import Statistics
from gudspec.report.figures import Line, chart, palette, shades
from gudspec.report.noising import noising
from gudspec.report.numbers import duration, place, real
from gudspec.report.pictures.region import region
from gudspec.report.pictures.spectrum import spectrum
from gudspec.report.pictures.windows import windows
from gudspec.report.reading import Run, read_run
from gudspec.report.samples import data_uri, round_trips, shown, ways
from gudspec.report.sampling import compared
from gudspec.report.view import View
from gudspec.spec.models import Experiment
from gudspec.spec.parameters import parameters
from gudspec.spec.stage import learned_stage
from gudspec.whole import write_whole

__all__ = ["fill", "render", "write_report"]


def write_report(workdir: str | os.PathLike[str]) -> epath.Path:
    """Writes `report.html` of a working directory, from the other files that are there.

    Args:
        workdir: a local folder or a `gs://` address.

    Returns:
        The file.
    """
    folder = epath.Path(workdir)
    write_whole(folder / "report.html", render(read_run(folder)))
    return folder / "report.html"


def render(run: Run) -> str:
    """The page of a run, as HTML.

    Args:
        run: what is known of it.
    """
    return fill(
        "report.html.jinja",
        name=run.name,
        results=list(_results(run)),
        costs=list(_costs(run)),
        pictures=[shown(picture, run) for picture in run.pictures],
        ways=list(ways(run)),
        round_trips=round_trips(run),
        samplers=compared(run),
        evaluations=[_evaluation(result) for result in run.summary.get("evaluations") or []],
        sweeps=list(_sweeps(run)),
        training=list(_training(run)),
        design=_design(run),
        spec=list(_spec_lines(run.spec)),
        provenance=list(_provenance(run)),
        parameters=run.parameters,
    )


def fill(template: str, **values: Any) -> str:
    """A page of the package: `template` with its values, in the colours of all pages."""
    environment = Environment(
        loader=PackageLoader("gudspec", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    palettes = {"light": palette(dark=False), "dark": palette(dark=True)}
    return environment.get_template(template).render(version=__version__, palettes=palettes, **values)


class Fact(NamedTuple):
    """A number at the head of the page."""

    name: str
    value: str
    unit: str = ""
    note: str = ""


def _results(run: Run) -> Iterator[Fact]:
    """What a reader looks for first."""
    summary = run.summary
    nll, gaussian = real(summary.get("nll_bits_per_dim")), real(summary.get("gaussian_bits_per_dim"))
    if nll is not None:
        errors = (r.get("standard_error") for r in summary.get("evaluations") or [] if r.get("value") == nll)
        error = real(next(errors, None))
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
    if (speed := real(summary.get("images_per_second"))) is not None:
        yield Fact("Speed", f"{speed:,.0f}", "images/s", "median, in training")
    if (seconds := real(summary.get("wall_seconds"))) is not None:
        yield Fact("Training time", duration(seconds))


def _evaluation(result: dict[str, Any]) -> dict[str, str]:
    value, error = real(result.get("value")), real(result.get("standard_error"))
    seconds = real(result.get("seconds"))
    return {
        "name": result.get("name", ""),
        "kind": result.get("kind", ""),
        "at": place(result.get("at") or {}),
        "value": "not finite" if value is None else f"{value:.4f}",
        "error": "" if error is None else f"± {error:.4f}",
        "images": f"{result.get('images', 0):,}",
        "split": result.get("split", ""),
        "seconds": "" if seconds is None else duration(seconds),
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
    if run.experiment is None or run.experiment.objective.kind == "elbo":  # an autoencoder noises nothing
        return None
    design, found = run.experiment.design, parameters(run.experiment)
    facts: list[tuple[str, str]] = [(part, getattr(design, part).kind) for part in ("basis", "prior", "schedule")]
    if (ordering := getattr(design.schedule, "ordering", None)) is not None:
        facts.append(("ordering", ordering.kind))
    for path, bounds in found.items():
        trained = f" (trained over {bounds.low:g} to {bounds.high:g})" if bounds.low < bounds.high else ""
        facts.append((path.removeprefix("design.schedule."), f"{bounds.value:g}{trained}"))
    if (stage := learned_stage(design)) is not None:
        facts.append(("learned stage", f"from t = {stage.turning:g} on in latents of {stage.autoencoder}"))
    if run.statistics is None:
        return {"facts": facts, "charts": [], "legend": [], "of": "", "sheets": []}
    curves = noising(run.experiment, run.statistics, run.rises)
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
        "sheets": list(_sheets(run.experiment, run.statistics, run.rises)),
    }


def _sheets(experiment: Experiment, statistics: Statistics, rises: np.ndarray | None) -> Iterator[dict[str, Any]]:
    """The pictures of the design that `gudspec show --figures` draws, as far as the charts do not tell the same."""
    view = View(experiment, statistics, rises)
    if view.process.path.groups.count == 1:  # equal rows, a straight line and no order
        return
    for name, picture in (("When each group is noised", windows), ("Region of γ", region), ("Spectrum", spectrum)):
        buffer = io.BytesIO()
        picture(view, experiment.name).savefig(buffer, dpi=120, metadata={"Software": None})
        width, height = Image.open(buffer).size
        yield {"name": name, "uri": data_uri(buffer.getvalue()), "width": width, "height": height}


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
