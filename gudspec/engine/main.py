"""A run: from an experiment and a workdir to trained parameters, measurements, samples and a report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from gudspec.engine.checkpoints import Checkpoints, digest
from gudspec.engine.console import Quiet, Reporter
from gudspec.engine.loop import Session, abstract_state, train
from gudspec.engine.mesh import device_mesh
from gudspec.engine.metrics import read_metrics
from gudspec.engine.prepare import Prepared, gaussian_baseline, open_data, statistics_of
from gudspec.engine.results import Trained, points
from gudspec.engine.signals import StopRequest
from gudspec.engine.workdir import Workdir, provenance
from gudspec.errors import Refused
from gudspec.program.compiler import compile
from gudspec.program.design import Design
from gudspec.program.program import Program
from gudspec.report.page import write_report
from gudspec.spec.identity import differences
from gudspec.spec.load import load
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import Sample
from gudspec.spec.resolved import dump

__all__ = ["Result", "draw", "evaluate", "open_workdir", "run"]


@dataclass(frozen=True)
class Result:
    """What came out of a run."""

    workdir: Workdir
    summary: dict[str, Any]
    """Content of `summary.json`."""


def run(
    experiment: Experiment,
    workdir: str | os.PathLike[str],
    *,
    resolved: str | None = None,
    reporter: Reporter | None = None,
) -> Result:
    """Trains, evaluates, samples and reports; continues where an earlier run of the same design stopped.

    Args:
        experiment: the spec.
        workdir: local folder or `gs://` address; created if needed.
        resolved: text of `spec.resolved.yaml`; None writes the experiment without the origins of its values.
        reporter: who is told what happens; None tells nobody.

    Returns:
        The workdir and its summary.

    Raises:
        DataError: the images are missing or unusable; no workdir is left behind.
        RunError: the run was refused, was interrupted, or diverged; see its `exit_code`.
    """
    reporter = reporter or Quiet()
    directory = Workdir.at(workdir)
    prepared = open_data(experiment)
    _check_same_design(directory, prepared)
    if summary := _finished(directory, prepared):
        reporter.say(f"already finished: {directory.path} holds all {summary['steps']} steps and results")
        return Result(directory, summary)
    program, mesh = _compiled(prepared), device_mesh(experiment)
    statistics = directory.load_statistics() or statistics_of(prepared)
    directory.write_text(directory.spec.name, resolved or dump(experiment))
    directory.write("provenance.json", provenance(prepared.hashes))
    directory.save_statistics(statistics)
    if still := Design.floored(statistics.variance):
        reporter.warn(f"{still} components never vary: 1e-10 of the largest variance stands in for theirs")
    with StopRequest() as stop, Checkpoints(directory.checkpoints, experiment.checkpoint.keep) as checkpoints:
        session = Session(program, prepared, statistics, mesh, directory, checkpoints, reporter, stop)
        state = train(session)
        trained = Trained(program, prepared, statistics, state.ema, int(state.step), mesh, directory, reporter, stop)
        return _finish(trained, digest(state.parameters), session.parameter_count)


def evaluate(
    workdir: str | os.PathLike[str], overrides: Sequence[str] = (), *, reporter: Reporter | None = None
) -> Result:
    """Evaluates a finished run again, with other evaluations if the overrides say so.

    Args:
        workdir: a workdir with a checkpoint.
        overrides: `path=value` each; they may change run fields, not the design.
        reporter: who is told.

    Raises:
        RunError: there is nothing to evaluate, or the overrides change the design.
    """
    with open_workdir(workdir, overrides, reporter or Quiet()) as (trained, parameters_sha256, count):
        if overrides:
            trained.workdir.write_text(trained.workdir.spec.name, dump(trained.prepared.experiment))
        return _finish(trained, parameters_sha256, count)


def draw(
    workdir: str | os.PathLike[str],
    count: int,
    *,
    name: str | None = None,
    seed: int | None = None,
    overrides: Iterable[str] = (),
    reporter: Reporter | None = None,
) -> str:
    """Draws samples from a trained run into its folder `samples`.

    Args:
        workdir: a workdir with a checkpoint.
        count: how many images.
        name: entry of `sample` whose sampler is used; None takes the first.
        seed: seed of the noise; None takes the spec's.
        overrides: `path=value` each; they may change run fields, not the design.
        reporter: who is told.

    Returns:
        Path of the picture; the array is beside it.
    """
    with open_workdir(workdir, overrides, reporter or Quiet(), seed) as (trained, _, _):
        entries = {entry.name: entry for entry in trained.prepared.experiment.sample}
        if name is not None and name not in entries:
            raise Refused(f"the spec has no sample named {name!r}; it has {', '.join(entries) or 'none'}")
        base = entries[name] if name else next(iter(entries.values()), Sample(name="samples"))
        entry = base.model_copy(update={"count": count})
        file = f"{entry.name}-{count}" + ("" if seed is None else f"-seed{seed}")
        result = trained.draw(entry, file, points(entry)[0], trained.program.sampler(entry.sampler))
        return str(trained.workdir.path / result["file"])


@contextmanager
def open_workdir(
    workdir: str | os.PathLike[str], overrides: Iterable[str], reporter: Reporter, seed: int | None = None
) -> Iterator[tuple[Trained, str, int]]:
    """A trained run, opened to be measured.

    Args:
        workdir: a workdir with a checkpoint.
        overrides: changes of its resolved spec; the design must stay.
        reporter: who is told.
        seed: another seed for evaluation and sampling.

    Yields:
        The trained network, the digest of its last parameters and their number.
    """
    directory = Workdir.at(workdir)
    if not directory.spec.exists():
        raise Refused(f"{directory.path} is not a workdir: it has no {directory.spec.name}. `gudspec run` makes one")
    experiment = load(directory.spec, overrides)
    prepared = open_data(experiment)
    _check_same_design(directory, prepared)
    program, mesh = _compiled(prepared), device_mesh(experiment)
    statistics = directory.load_statistics() or statistics_of(prepared)
    with StopRequest() as stop, Checkpoints(directory.checkpoints, experiment.checkpoint.keep) as checkpoints:
        state = checkpoints.restore(abstract_state(program, mesh), reporter.warn)
        if state is None:
            raise Refused(f"{directory.path} has no checkpoint yet: `gudspec run` trains it")
        if seed is not None:
            prepared = replace(prepared, experiment=experiment.model_copy(update={"seed": seed}))
        trained = Trained(program, prepared, statistics, state.ema, int(state.step), mesh, directory, reporter, stop)
        count = sum(leaf.size for leaf in jax.tree.leaves(state.parameters))
        yield trained, digest(state.parameters), count


def _compiled(prepared: Prepared) -> Program:
    """The program, for images whose shape and labels are known only now that they are open."""
    try:
        return compile(prepared.experiment, prepared.source.shape, prepared.source.classes)
    except ValueError as error:
        raise Refused(str(error)) from None


def _check_same_design(directory: Workdir, prepared: Prepared) -> None:
    """Refuses to continue a run under another design."""
    known = directory.read("provenance.json").get("design_hash")
    if known in (None, prepared.hashes["design_hash"]):
        return
    changed = differences(load(directory.spec), prepared.experiment)
    lines = [f"  {path}: {before} there, {now} here" for path, before, now in changed]
    lines = lines or ["  the images of data.source, or the files of design, are not the ones that it was trained on"]
    raise Refused(
        f"{directory.path} belongs to another design:\n"
        + "\n".join(lines)
        + "\nUse another --workdir, or restore these."
    )


def _finished(directory: Workdir, prepared: Prepared) -> dict[str, Any]:
    """The summary, if nothing is left to do for this spec; else nothing."""
    summary = directory.read("summary.json")
    done = summary.get("spec_hash") == prepared.hashes["spec_hash"] and directory.report.exists()
    return summary if done else {}


def _finish(trained: Trained, parameters_sha256: str, parameter_count: int) -> Result:
    """Measures, draws, sums up and reports."""
    trained.workdir.report.unlink(missing_ok=True)  # a run is finished once its report is there
    evaluations, samples = trained.evaluate(), trained.sample()
    metrics = read_metrics(trained.workdir)
    speeds = [line["images_per_second"] for line in metrics]
    nominal = trained.program.at()
    likelihoods = [e for e in evaluations if e["kind"] == "likelihood"]
    at_nominal = [e for e in likelihoods if trained.program.at(e["at"]) == nominal]
    headline = next(iter(at_nominal or likelihoods), None)
    entries = {entry.name: entry for entry in trained.prepared.experiment.evaluate}
    baseline = gaussian_baseline(
        trained.prepared, trained.images(entries[headline["name"]]) if headline else trained.prepared.source.test
    )
    summary = {
        "name": trained.prepared.experiment.name,
        **trained.prepared.hashes,
        "steps": trained.step,
        "parameters": parameter_count,
        "parameters_sha256": parameters_sha256,
        "images_per_second": float(np.median(speeds)) if speeds else None,
        "wall_seconds": sum(line["seconds"] for line in metrics),
        "nll_bits_per_dim": headline and headline["value"],
        "gaussian_bits_per_dim": baseline,
        "evaluations": evaluations,
        "samples": samples,
        "path": jax.tree.map(lambda leaf: np.asarray(leaf).tolist(), trained.parameters.get("path", {})),
    }
    trained.workdir.write("summary.json", summary)
    write_report(trained.workdir.path)
    trained.reporter.say(f"report: {trained.workdir.report}")
    return Result(trained.workdir, summary)
