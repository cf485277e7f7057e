"""The training loop."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import jax
from clu import parameter_overview

from gudspec.data.pipeline import stream
from gudspec.engine.checkpoints import Checkpoints
from gudspec.engine.console import Reporter
from gudspec.engine.mesh import place_batch, state_shardings
from gudspec.engine.metrics import Interval, MetricsLog
from gudspec.engine.prepare import Prepared
from gudspec.engine.signals import StopRequest
from gudspec.engine.workdir import Workdir
from gudspec.errors import Diverged, Interrupted, Refused
from gudspec.program.design import Statistics
from gudspec.program.keys import root
from gudspec.program.program import Program
from gudspec.program.train import TrainState

__all__ = ["Session", "abstract_state", "train"]


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
        reporter: who is told.
        stop: asks whether to stop between steps.
    """

    program: Program
    prepared: Prepared
    statistics: Statistics
    mesh: jax.sharding.Mesh
    workdir: Workdir
    checkpoints: Checkpoints
    reporter: Reporter
    stop: StopRequest

    @cached_property
    def parameter_count(self) -> int:
        """Number of trained parameters."""
        return sum(leaf.size for leaf in jax.tree.leaves(abstract_state(self.program, self.mesh).parameters))


def abstract_state(program: Program, mesh: jax.sharding.Mesh) -> TrainState:
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
        Diverged: a loss is not finite.
        Interrupted: the run was asked to stop; the state is saved.
    """
    spec = session.prepared.experiment
    total = spec.train.total_steps
    abstract = abstract_state(session.program, session.mesh)
    state = session.checkpoints.restore(abstract, session.reporter.warn)
    start = 0 if state is None else int(state.step)
    if start > total:
        raise Refused(
            f"{session.workdir.path} has trained for {start} steps already, more than the {total} of the spec"
        )
    if state is None:
        shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)
        state = jax.device_put(session.program.init(root(spec.seed)), shardings)
        overview = parameter_overview.get_parameter_overview(state.parameters, include_stats=False)
        session.workdir.write_text("parameters.txt", overview + "\n")
    if start == total:
        return state
    session.reporter.say(
        f"{spec.name}: {session.parameter_count:,} parameters, {total:,} steps on {session.mesh.size} device(s)"
        + (f", continuing at step {start:,}" if start else "")
    )
    return _loop(session, state, start, total)


def _loop(session: Session, state: TrainState, start: int, total: int) -> TrainState:
    spec, hashes = session.prepared.experiment, session.prepared.hashes
    batches = stream(session.prepared.source.train, seed=spec.seed, batches=spec.train.batches, start=start)
    log, interval = MetricsLog(session.workdir, start), Interval()
    session.reporter.begin("training", total, start)
    try:
        for step, batch in enumerate(batches, start + 1):
            placed = place_batch(batch, session.mesh)
            state, metrics = session.program.train_step(state, placed, session.statistics)
            interval.add(metrics, len(batch["pixels"]))
            if step == start + 1:  # it waited for the compiler
                jax.block_until_ready(metrics)
                interval.restart()
            stopping = session.stop.requested
            saving = step % spec.checkpoint.every == 0 or step == total or stopping
            if saving or step % spec.train.log_every == 0:
                # a state is only saved once every loss up to it is known to be finite
                line = interval.close(step)
                log.write(line)
                note = f"loss {line['loss']:.4f}  {line['images_per_second']:,.0f} images/s"
                session.reporter.advance(step, note)
            if saving:
                session.checkpoints.save(state, hashes)
            if stopping:
                break
        session.checkpoints.wait()
    except Diverged as error:
        session.checkpoints.wait()
        saved = session.checkpoints.steps
        good = (
            f"the last good checkpoint is {session.workdir.checkpoints / str(saved[-1])}" if saved else "none was saved"
        )
        raise Diverged(f"{error}; {good}. Lower the learning rate, or clip the gradient") from None
    finally:
        session.reporter.end()
        log.close()
        batches.close()
    if int(state.step) < total:
        raise Interrupted(f"stopped at step {int(state.step)} of {total}; the same command continues")
    return state
