"""The training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import jax
from clu import parameter_overview

from gudspec.data.pipeline import stream
from gudspec.engine.checkpoints import Checkpoints
from gudspec.engine.compiled import Compiled
from gudspec.engine.console import Reporter
from gudspec.engine.heartbeat import Heartbeat
from gudspec.engine.mesh import local_rows, place_rows, place_whole, state_shardings
from gudspec.engine.metrics import Interval, MetricsLog, read_metrics
from gudspec.engine.prepare import Prepared
from gudspec.engine.processes import share
from gudspec.engine.profile import Profile
from gudspec.engine.programs import initial, training
from gudspec.engine.signals import Stop
from gudspec.engine.skips import Skips
from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged, Interrupted, Refused
from gudspec.program.compiler import AnyProgram
from gudspec.program.design import Statistics
from gudspec.program.keys import root
from gudspec.program.program import Batch
from gudspec.program.train import TrainState

__all__ = ["Session", "abstract_state", "train"]

_MOST_ROLLBACKS = 10
_HISTOGRAMS = 10
"""Checkpoints between two histograms of the parameters."""


@dataclass(frozen=True, eq=False)
class Session:
    """Everything that a training run works with.

    Args:
        program: the compiled spec.
        prepared: the experiment and its data.
        statistics: statistics of the training split.
        mesh: the devices.
        workdir: where the run lives.
        checkpoints: its checkpoints.
        skips: images that training leaves out.
        reporter: who is told.
        stop: asks whether to stop between steps.
        heartbeat: is told what the run is doing.
        profile: which steps to trace.
    """

    program: AnyProgram
    prepared: Prepared
    statistics: Statistics
    mesh: jax.sharding.Mesh
    workdir: Workdir
    checkpoints: Checkpoints
    skips: Skips
    reporter: Reporter
    stop: Stop
    heartbeat: Heartbeat
    profile: Profile

    @cached_property
    def abstract(self) -> TrainState:
        """Shapes, types and shardings of the train state."""
        return abstract_state(self.program, self.mesh)

    @cached_property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.abstract.parameters))


def abstract_state(program: AnyProgram, mesh: jax.sharding.Mesh) -> TrainState:
    """Shapes, types and shardings of the train state."""
    state = jax.eval_shape(program.init, root(program.experiment.seed))
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
        state,
        state_shardings(state, mesh),
    )


def train(session: Session) -> TrainState:
    """Trains to the last step, from the latest checkpoint if there is one.

    Raises:
        Diverged: a loss is not finite or exploded, and the spec says to stop, or rolling back did not help.
        Interrupted: the run was asked to stop; the state is saved.
    """
    spec = session.prepared.experiment
    total = spec.train.total_steps
    restored = session.checkpoints.restore(session.abstract, session.reporter.warn)
    start = 0 if restored is None else int(restored.step)
    if start > total:
        raise Refused(
            f"{session.workdir.path} has trained for {start} steps already, more than the {total} of the spec"
        )
    if restored is None:
        overview = parameter_overview.get_parameter_overview(session.abstract.parameters, include_stats=False)
        session.workdir.write_text("parameters.txt", overview + "\n")
    elif start == total:
        MetricsLog(session.workdir, total).close()  # clears away a line that was cut off
        return restored
    session.reporter.say(
        f"{spec.name}: {session.parameter_count:,} parameters, {total:,} steps on {session.mesh.size} device(s)"
        + (f", continuing at step {start:,}" if start else "")
    )
    back, take_step = -1, _Step(session)
    while True:
        state = _initial(session) if restored is None else restored
        try:
            return _loop(session, take_step, state, start, total)
        except Diverged as error:
            session.checkpoints.wait()
            _diverged(session, error, back)
            if session.checkpoints.usable[-1:] == [back]:  # nothing good came after it
                session.checkpoints.set_aside(back)
            restored = session.checkpoints.restore(session.abstract, session.reporter.warn)
            start = back = 0 if restored is None else int(restored.step)
            left_out = session.skips.add(start, error.step)
            session.reporter.warn(f"{error}: back to step {start}, leaving out {left_out} images")


def _initial(session: Session) -> TrainState:
    shardings = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
    init: Callable[..., TrainState] = initial(session.program.init, shardings, session.mesh)
    return init(root(session.prepared.experiment.seed))


def _diverged(session: Session, error: Diverged, back: int) -> None:
    """Gives up, unless the spec allows to roll back once more, and there is somewhere to go.

    Args:
        session: the run.
        error: what happened.
        back: the step to which it went back the last time.
    """
    rollbacks, saved = session.skips.count, session.checkpoints.usable
    may = session.prepared.experiment.train.divergence == "rollback" and rollbacks < _MOST_ROLLBACKS
    if may and saved != [back]:  # to start anew would cost all that was trained
        return
    last = session.workdir.checkpoints / str(saved[-1]) if saved else None
    good = f"the last good checkpoint is {last}" if last else "none was saved"
    if may:
        good = f"there is no checkpoint before {last}, from which it was tried"
    tried = f" after rolling back {'once' if rollbacks == 1 else f'{rollbacks} times'}" if rollbacks else ""
    raise Diverged(f"{error}{tried}; {good}. Lower the learning rate, or clip the gradient", error.step) from None


class _Step:
    """The train step as one program over all devices, compiled once per batch size."""

    def __init__(self, session: Session):
        state = jax.tree.map(lambda leaf: leaf.sharding, session.abstract)
        self._jitted = training(session.program.train_step, state, session.mesh)
        self._statistics = place_whole(session.statistics, session.mesh)
        self._compiled: dict[int, Compiled] = {}
        self.flops = 0.0
        """Arithmetic of the last step, over all devices."""

    def knows(self, size: int) -> bool:
        """Whether a batch of so many images does not wait for the compiler."""
        return size in self._compiled

    def __call__(self, state: TrainState, batch: Batch) -> tuple[TrainState, dict[str, jax.Array]]:
        """The state after the step, and metrics."""
        size = len(batch["pixels"])
        program = self._compiled.setdefault(size, Compiled(self._jitted))
        result: tuple[TrainState, dict[str, jax.Array]] = program(state, batch, self._statistics)
        self.flops = program.flops
        return result


def _loop(session: Session, take_step: _Step, state: TrainState, start: int, total: int) -> TrainState:
    spec = session.prepared.experiment
    rows = partial(local_rows, mesh=session.mesh)
    batches = stream(
        session.prepared.source.train,
        seed=spec.seed,
        batches=spec.train.batches,
        start=start,
        rows=rows,
        skipped=session.skips.before,
    )
    sizes = [size for steps, size in spec.train.batches for _ in range(steps)]
    log = MetricsLog(session.workdir, start)
    loss = share(lambda: [line["loss"] for line in read_metrics(session.workdir) if line["step"] <= start][-1:])
    previous = loss[0] if loss else None
    interval = Interval(spec.train.compute)
    session.reporter.begin("training", total, start)
    step = start
    try:
        for step in range(start + 1, total + 1):
            with interval.spending("input"):
                placed = place_rows(next(batches), sizes[step - 1], session.mesh)
            session.profile.before(step)
            compiles = not take_step.knows(len(placed["pixels"]))
            state, metrics = take_step(state, placed)
            interval.add(metrics, sizes[step - 1], take_step.flops)
            if compiles:
                jax.block_until_ready(metrics)
                interval.restart()
            session.profile.after(step, metrics)
            session.heartbeat.progress("training", step)
            stopping = session.stop.check()
            saving = step % spec.checkpoint.every == 0 or step == total or stopping
            if saving or step % spec.train.log_every == 0:
                # a state is only saved once every loss up to it is known to be good
                explosion = spec.train.explosion
                # of real-valued images the loss may be a negative number of bits
                line = interval.close(step, explosion * previous if explosion and previous and previous > 0 else None)
                previous = line["loss"]
                with session.checkpoints.writing():
                    log.write(line)
                session.reporter.advance(step, _note(line))
            if saving:
                with interval.spending("checkpoint"):
                    session.checkpoints.save(state, {name: line[name] for name in ("loss", "gradient_norm")})
                    if step % (_HISTOGRAMS * spec.checkpoint.every) == 0 or step == total:
                        with session.checkpoints.writing():
                            log.events.histograms(step, state.parameters)
            if stopping:
                break
        session.checkpoints.wait()
    finally:
        session.profile.close()
        session.reporter.end()
        log.close()
    if step < total:
        raise Interrupted(f"stopped at step {step} of {total}; the same command continues")
    return state


def _note(line: Mapping[str, float]) -> str:
    """What the console says of an interval."""
    parts = [f"loss {line['loss']:.4f}"]
    if line["images_per_second"]:  # an interval that only held the compilation has no speed
        parts += [f"{line['images_per_second']:,.0f} images/s", f"{1000 * line['step_seconds']:.1f} ms/step"]
    if "utilization" in line:
        parts.append(f"{100 * line['utilization']:.1f} % of the peak")
    return "  ".join(parts)
