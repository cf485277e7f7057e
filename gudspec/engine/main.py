"""A run: from an experiment and a workdir to trained parameters, measurements, samples and a report."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from gudspec.engine.cache import kept_programs
from gudspec.engine.checkpoints import Checkpoints, digest
from gudspec.engine.console import Quiet, Reporter
from gudspec.engine.heartbeat import Heartbeat
from gudspec.engine.lock import locked
from gudspec.engine.loop import Session, train
from gudspec.engine.mesh import device_mesh, gathered
from gudspec.engine.metrics import read_metrics
from gudspec.engine.prepare import Prepared, gaussian_baseline, open_data, statistics_of
from gudspec.engine.processes import everywhere, first, share
from gudspec.engine.profile import Profile
from gudspec.engine.results import Trained, points
from gudspec.engine.signals import Stop, StopRequest
from gudspec.engine.skips import Skips
from gudspec.engine.workdir import Workdir, provenance
from gudspec.errors import Interrupted, Refused
from gudspec.program.compiler import AnyProgram, compile
from gudspec.program.design import Design, Statistics
from gudspec.program.staged import Staged
from gudspec.program.train import TrainState
from gudspec.spec.identity import differences
from gudspec.spec.models import Experiment
from gudspec.spec.models.results import Sample
from gudspec.spec.resolved import dump

__all__ = ["Options", "Result", "draw", "evaluate", "open_workdir", "run"]

_HIDDEN = 0.25
"""Share of the variance of latents that a learned stage may lose without a warning."""


@dataclass(frozen=True)
class Result:
    """What came out of a run."""

    workdir: Workdir
    summary: dict[str, Any]
    """Content of `summary.json`."""


@dataclass(frozen=True)
class Options:
    """What can be asked for beside the spec: nothing of it changes a result.

    Args:
        reporter: who is told what happens; None tells nobody. Of several processes, only the first tells.
        stop: asks whether to stop; None listens to SIGTERM and Ctrl-C.
        cache: folder of JAX's compilation cache; None takes one in the workdir, unless JAX is configured otherwise.
        profile: first and last training step to trace.
    """

    reporter: Reporter | None = None
    stop: Stop | None = None
    cache: str | None = None
    profile: tuple[int, int] | None = None

    @property
    def speaker(self) -> Reporter:
        """Who is told by this process."""
        return (self.reporter or Quiet()) if first() else Quiet(warnings=False)


def run(
    experiment: Experiment,
    workdir: str | os.PathLike[str],
    *,
    resolved: str | None = None,
    reporter: Reporter | None = None,
    options: Options | None = None,
) -> Result:
    """Trains, evaluates, samples and reports; continues where an earlier run of the same design stopped.

    Args:
        experiment: the spec.
        workdir: local folder or `gs://` address; created if needed.
        resolved: text of `spec.resolved.yaml`; None writes the experiment without the origins of its values.
        reporter: who is told what happens; None tells nobody.
        options: who is told, and more; takes the place of `reporter`.

    Returns:
        The workdir and its summary.

    Raises:
        DataError: the images are missing or unusable; no workdir is left behind.
        RunError: the run was refused, was interrupted, or diverged; see its `exit_code`.
    """
    options = options or Options(reporter=reporter)
    directory = Workdir.at(workdir, writes=first())
    prepared = everywhere(lambda: open_data(experiment))
    share(lambda: _check_same_design(directory, prepared))
    if summary := share(lambda: _finished(directory, prepared)):
        options.speaker.say(f"already finished: {directory.path} holds all {summary['steps']} steps and results")
        return Result(directory, summary)
    with _opened(directory, prepared, options) as session:
        directory.write_text(directory.spec.name, resolved or dump(experiment))
        directory.write("provenance.json", provenance(prepared.hashes))
        directory.save_statistics(session.statistics)
        if still := Design.floored(session.statistics.variance):
            session.reporter.warn(f"{still} components never vary: 1e-10 of the largest variance stands in for theirs")
        if isinstance(session.program, Staged) and (hidden := session.program.hidden(session.statistics)) > _HIDDEN:
            session.reporter.warn(
                f"at the turning point noise hides about {hidden:.0%} of the latents' variance, which decoding loses: "
                "images may come out too smooth; lower `design.segments.turning`"
            )
        return _finish(*_measurable(session, train(session)))


def evaluate(
    workdir: str | os.PathLike[str],
    overrides: Sequence[str] = (),
    *,
    reporter: Reporter | None = None,
    options: Options | None = None,
) -> Result:
    """Evaluates a finished run again, with other evaluations if the overrides say so.

    Args:
        workdir: a workdir with a checkpoint.
        overrides: `path=value` each; they may change run fields, not the design.
        reporter: who is told.
        options: who is told, and more; takes the place of `reporter`.

    Raises:
        RunError: there is nothing to evaluate, or the overrides change the design.
    """
    with open_workdir(workdir, overrides, options or Options(reporter=reporter)) as (trained, sha256, count):
        if overrides:
            trained.workdir.write_text(trained.workdir.spec.name, dump(trained.prepared.experiment))
        return _finish(trained, sha256, count)


def draw(
    workdir: str | os.PathLike[str],
    count: int | None = None,
    *,
    name: str | None = None,
    seed: int | None = None,
    label: str = "",
    overrides: Iterable[str] = (),
    experiment: Experiment | None = None,
    reporter: Reporter | None = None,
    options: Options | None = None,
) -> list[str]:
    """Draws samples from a trained run into its folder `samples`.

    Args:
        workdir: a workdir with a checkpoint.
        count: how many images; None takes the entries' own numbers.
        name: entry of `sample` to follow; None takes all, or plain samples where there is none.
        seed: seed of the noise; None takes the spec's.
        label: what the names of the files end with.
        overrides: `path=value` each; they may change run fields, not the design.
        experiment: what is drawn, where it is not the run's own spec; of the same design.
        reporter: who is told.
        options: who is told, and more; takes the place of `reporter`.

    Returns:
        Paths of the pictures; the arrays are beside them.
    """
    chosen = options or Options(reporter=reporter)
    with open_workdir(workdir, overrides, chosen, seed, experiment=experiment) as (trained, _, _):
        entries = {entry.name: entry for entry in trained.prepared.experiment.sample} or {
            "samples": Sample(name="samples")
        }
        if name is not None and name not in entries:
            raise Refused(f"the spec has no sample named {name!r}; it has {', '.join(entries)}")
        files = []
        for entry in [entries[name]] if name else entries.values():
            sized = entry if count is None else entry.model_copy(update={"count": count})
            file = f"{sized.name}-{sized.count}" + ("" if seed is None else f"-seed{seed}") + label
            for index, at in enumerate(points(sized)):
                numbered = file if len(points(sized)) == 1 else f"{file}-{index}"
                files.append(str(trained.workdir.path / trained.draw(sized, numbered, at)["file"]))
        return files


@contextmanager
def open_workdir(
    workdir: str | os.PathLike[str],
    overrides: Iterable[str],
    options: Options,
    seed: int | None = None,
    experiment: Experiment | None = None,
) -> Iterator[tuple[Trained, str, int]]:
    """A trained run, opened to be measured.

    Args:
        workdir: a workdir with a checkpoint.
        overrides: changes of its resolved spec; the design must stay.
        options: who is told, and more.
        seed: another seed for evaluation and sampling.
        experiment: takes the place of its resolved spec; the design must be the same.

    Yields:
        The trained network, the digest of its last parameters and their number.
    """
    directory = Workdir.at(workdir, writes=first())

    def prepare() -> Prepared:
        prepared = open_data(experiment or directory.experiment(overrides))
        _check_same_design(directory, prepared)
        return prepared

    prepared = everywhere(prepare)
    with _opened(directory, prepared, options) as session:
        state = session.checkpoints.restore(session.abstract, session.reporter.warn)
        if state is None:
            raise Refused(f"{directory.path} has no checkpoint yet: `gudspec run` trains it")
        trained, sha256, count = _measurable(session, state)
        if seed is not None:
            changed = replace(prepared, experiment=prepared.experiment.model_copy(update={"seed": seed}))
            trained = replace(trained, prepared=changed)
        yield trained, sha256, count


@contextmanager
def _opened(directory: Workdir, prepared: Prepared, options: Options) -> Iterator[Session]:
    """Compiles a spec for the devices and takes hold of its workdir."""
    with ExitStack() as stack:
        stop = options.stop or stack.enter_context(StopRequest())
        program, mesh = _compiled(prepared), device_mesh(prepared.experiment)
        share(lambda: stack.enter_context(locked(directory)))
        heartbeat = stack.enter_context(Heartbeat(directory))
        if options.cache or not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
            stack.enter_context(kept_programs(options.cache or directory.compilations))
        statistics = share(directory.load_statistics) or _statistics(program, prepared)
        if stop.check():
            raise Interrupted("stopped while starting; the same command starts again")
        travels = {**prepared.hashes, "spec": dump(prepared.experiment)}
        skips = Skips(directory, prepared.experiment.train.batches)
        checkpoints = Checkpoints(directory.checkpoints, prepared.experiment.checkpoint, travels, skips.before)
        yield Session(
            program=program,
            prepared=prepared,
            statistics=statistics,
            mesh=mesh,
            workdir=directory,
            checkpoints=stack.enter_context(checkpoints),
            skips=skips,
            reporter=options.speaker,
            stop=stop,
            heartbeat=heartbeat,
            profile=Profile(os.fspath(directory.path / "profile"), *options.profile or (0, -1)),
        )


def _measurable(session: Session, state: TrainState) -> tuple[Trained, str, int]:
    """What `_finish` takes: the trained network, the digest of its last parameters and their number."""
    trained = Trained(
        program=session.program,
        prepared=session.prepared,
        statistics=session.statistics,
        parameters=state.ema,
        step=int(state.step),
        mesh=session.mesh,
        workdir=session.workdir,
        reporter=session.reporter,
        stop=session.stop,
        heartbeat=session.heartbeat,
    )
    return trained, digest(gathered(state.parameters, session.mesh)), session.parameter_count


def _compiled(prepared: Prepared) -> AnyProgram:
    """The program, for images whose shape and labels are known only now that they are open."""
    try:
        coder = prepared.autoencoder[0] if prepared.autoencoder else None
        return compile(prepared.experiment, prepared.source.shape, prepared.source.classes, coder)
    except ValueError as error:
        raise Refused(str(error)) from None


def _statistics(program: AnyProgram, prepared: Prepared) -> Statistics:
    """The statistics that the design needs, with the autoencoder of a learned stage among them."""
    statistics = share(lambda: statistics_of(prepared))
    if not isinstance(program, Staged):
        return statistics
    from gudspec.engine.stage import frozen  # which opens workdirs, of which this is a part

    stage = frozen(program, prepared)  # in every process: checkpoints are read together
    return statistics._replace(frozen=share(lambda: stage))


def _check_same_design(directory: Workdir, prepared: Prepared) -> None:
    """Refuses to continue a run under another design."""
    known = directory.read("provenance.json").get("design_hash")
    if known in (None, prepared.hashes["design_hash"]):
        return
    changed = differences(directory.experiment(), prepared.experiment)
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
    # `gudspec eval` sums up a run that was interrupted, too
    found = (summary.get("spec_hash"), summary.get("steps"))
    done = found == (prepared.hashes["spec_hash"], prepared.experiment.train.total_steps)
    return summary if done and directory.report.exists() else {}


def _finish(trained: Trained, parameters_sha256: str, parameter_count: int) -> Result:
    """Measures, draws, sums up and reports."""
    if trained.workdir.writes:
        trained.workdir.report.unlink(missing_ok=True)  # a run is finished once its report is there
    evaluations, samples = trained.evaluate(), trained.sample()
    metrics = share(lambda: read_metrics(trained.workdir))
    speeds = [line["images_per_second"] for line in metrics if line["images_per_second"]]
    nominal = trained.program.at()
    likelihoods = [e for e in evaluations if e["kind"] == "likelihood"]
    at_nominal = [e for e in likelihoods if trained.program.at(e["at"]) == nominal]
    headline = next(iter(at_nominal or likelihoods), None)
    entries = {entry.name: entry for entry in trained.prepared.experiment.evaluate}
    measured = trained.images(entries[headline["name"]]) if headline else trained.prepared.source.test
    baseline = share(lambda: gaussian_baseline(trained.prepared, measured))
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
        "path": jax.tree.map(np.ndarray.tolist, gathered(trained.parameters.get("path", {}), trained.mesh)),
    }
    trained.workdir.write("summary.json", summary)
    trained.heartbeat.progress("reporting")
    from gudspec.report.page import write_report  # and with it matplotlib, which training should not wait for

    share(lambda: write_report(trained.workdir.path) and None)
    trained.reporter.say(f"report: {trained.workdir.report}")
    return Result(trained.workdir, summary)
