"""Checkpoints: Orbax, and a checksum that tells a damaged one."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from orbax.checkpoint import v1 as ocp

from gudspec import __version__
from gudspec.engine.checksum import checksum
from gudspec.engine.packing import Packed, pack, packed, sha256, unpack
from gudspec.engine.processes import gather, share
from gudspec.engine.workdir import commit
from gudspec.errors import Refused, RunError, is_away, of_storage
from gudspec.program.train import TrainState
from gudspec.spec.models.training import Checkpoint

__all__ = ["Checkpoints", "Saved", "digest"]

_FORMAT = ocp.path.step.standard_name_format()
_METADATA = "_CHECKPOINT_METADATA"
_OTHER = "its content does not match its checksum"


def digest(tree: Any) -> str:
    """SHA-256 of the leaves of a tree, in the order of their paths: names, types, shapes and bytes."""
    total = hashlib.sha256()
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    for path, leaf in sorted((jax.tree_util.keystr(path), leaf) for path, leaf in leaves):
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        array = np.ascontiguousarray(leaf)
        total.update(f"{path} {array.dtype.str} {array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()


class Saved:
    """Checkpoints to read, verified when they are. Nothing is changed, and a run that goes on is not disturbed.

    All processes read together, each the parts that lie on its devices.

    Args:
        folder: where they are.
    """

    def __init__(self, folder: epath.Path):
        for narrator in ("absl", "asyncio"):  # Orbax tells of every save, and of every failure many times
            logging.getLogger(narrator).setLevel(logging.CRITICAL)
        sys.unraisablehook = _unraisable
        self._folder = folder

    @property
    def steps(self) -> list[int]:
        """Steps that were saved, rising."""
        if not self._folder.exists():
            return []
        try:
            return sorted(found.step for found in _FORMAT.find_all(self._folder))
        except ValueError:  # Orbax does not know one's metadata: `load` says which
            return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())

    def metadata(self, step: int) -> dict[str, Any]:
        """What travels in a checkpoint.

        Read from Orbax's file: its own reader opens all arrays too, of which one may be damaged.
        """
        file = self._folder / str(step) / _METADATA
        found: dict[str, Any] = json.loads(file.read_text())["custom_metadata"]
        if found.get("seal") not in (None, _seal(found)):
            raise ValueError(f"{file.name} does not match its checksum")
        return found

    def load(self, step: int, abstract: TrainState) -> tuple[TrainState | None, str]:
        """The state of one step, or None and what is wrong with it.

        Raises:
            Refused: it is intact but was saved by another network or another version of it.
            RunError: the storage refused or did not answer. An older one in its place would cost the steps between.
        """
        path = self._folder / str(step)
        read, expected, problem, refused, away = None, {}, "", "", False
        try:
            metadata = self.metadata(step)
            refused = self._refusal(path, metadata, abstract)
            if not refused:
                expected = {name: metadata["checksums"][name] for name in ("small", "large")}
                read = _read(path, packed(abstract, metadata["apart"]))
                problem = "" if sha256(read["small"]) == expected["small"] else _OTHER
        except Exception as error:  # whatever Orbax and TensorStore make of damaged files
            problem = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            away = is_away(error)
        # a part may be damaged, or out of reach, that only one process reads
        found = gather(np.array(3 if away else 2 if problem else 1 if refused else 0))
        if found.max() == 0:
            assert read is not None
            if checksum(read["large"]) == expected["large"]:
                return unpack(read, abstract), ""
            return None, _OTHER
        if found.max() == 1:
            raise Refused(refused)
        if found.max() == 3:
            why = problem or f"process {int(found.argmax())} cannot read its part"
            raise RunError(f"{path} cannot be reached: {why}. It may be intact: run the same command again")
        return None, problem or f"a part that process {int(found.argmax())} reads is damaged"

    def _refusal(self, path: epath.Path, metadata: Mapping[str, Any], abstract: TrainState) -> str:
        """Why a checkpoint cannot become such a state, be it intact or not; empty if it can."""
        if "checksums" not in metadata:
            return f"{path} was saved in another form by an older gudspec: start anew in another --workdir"
        if metadata["structure"] != _structure(abstract):
            return f"{path} is of a network with other parameters, saved by gudspec {metadata['version']}"
        return ""


class Checkpoints(Saved):
    """The checkpoints of a run: saved atomically and in the background. Only for who holds the workdir's lock.

    Each process writes the parts that lie on its devices. What a save that was cut off left behind is removed.

    Args:
        folder: where they are; created by the first save.
        spec: which of them are kept.
        travels: what every checkpoint carries beside the state: hashes of the run and the text of its spec.
        left_out: how many images training has left out before a step, counted from 0.
    """

    def __init__(
        self,
        folder: epath.Path,
        spec: Checkpoint,
        travels: Mapping[str, str],
        left_out: Callable[[int], int] = lambda step: 0,
    ):
        super().__init__(folder)
        self._travels = {**travels, "version": __version__, "commit": commit()}
        self._left_out = left_out
        self._aside: set[int] = set()
        self._damaged: set[int] = set()
        with self.writing():
            share(self._mend)
            self._checkpointer = ocp.training.Checkpointer(
                folder, preservation_policy=_Usable(_policy(spec), self._aside), cleanup_tmp_directories=True
            )

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.writing(again=error is None):
            self._checkpointer.close()

    @property
    def steps(self) -> list[int]:
        """Steps that were saved, or are being saved, rising."""
        return [checkpoint.step for checkpoint in self._checkpointer.checkpoints]

    @property
    def usable(self) -> list[int]:
        """Steps to which the run may return, rising: neither damaged, as far as known, nor set aside."""
        return [step for step in self.steps if step not in self._aside | self._damaged]

    def set_aside(self, step: int) -> None:
        """Leaves a checkpoint out of account; it stays where it is until the next one is saved."""
        self._aside.add(step)

    def save(self, state: TrainState, metrics: Mapping[str, float] | None = None) -> None:
        """Starts to save a state; training may go on meanwhile.

        Args:
            state: what to save, under the number of steps that it has taken.
            metrics: by which the best checkpoints are told.
        """
        step = int(state.step)
        if step in self.usable:
            return
        # both read the state before the next step donates its buffers
        content, small = pack(state)
        checksums = {"small": small, "large": checksum(content["large"])}
        metadata = {
            **self._travels,
            "structure": _structure(state),
            "apart": list(content["large"]),
            "checksums": checksums,
            "left_out": self._left_out(step - 1),
        }
        again = step in self._aside | self._damaged
        self._aside.discard(step)
        self._damaged.discard(step)
        with self.writing():
            self._checkpointer.save_async(
                step,
                content,
                force=True,
                overwrite=again,
                metrics=dict(metrics or {}),
                custom_metadata={**metadata, "seal": _seal(metadata)},
            )

    def wait(self) -> None:
        """Blocks until the last save is on disk."""
        with self.writing():
            self._checkpointer.wait()

    def restore(self, abstract: TrainState, report: Callable[[str], None]) -> TrainState | None:
        """The latest intact state, or None if nothing was saved yet, or all of it was set aside.

        What was saved before the run went back behind it, to leave out images, is set aside. Damaged checkpoints are
        named, and left where they are, until their step is reached, and saved, again. Where none can be read, the
        storage is more likely at fault than all of them: to start anew would delete them.

        Args:
            abstract: shapes, types and shardings of the state; the topology may be another than that of the save.
            report: is told about every damaged checkpoint.

        Raises:
            Refused: a checkpoint is intact but was saved by another network, another version of it or another design.
            RunError: there are checkpoints, but none can be read; or the storage refused or did not answer.
        """
        if superseded := share(self._superseded):
            self._aside |= superseded
            steps = ", ".join(map(str, sorted(superseded)))
            report(f"checkpoints that were saved before the run went back are left out of account: {steps}")
        problems: dict[int, str] = {}
        for step in reversed(self.usable):
            state, problem = self.load(step, abstract)
            if state is not None:
                for damaged, why in problems.items():
                    report(f"checkpoint {self._folder / str(damaged)} is damaged ({why}); using the one of step {step}")
                self._damaged |= set(problems)
                return state
            problems[step] = problem
        if problems:
            raise RunError(_unreadable(self._folder, problems))
        return None

    def _superseded(self) -> set[int]:
        """Steps that were saved before the run went back: with images that it has left out since."""
        steps, found = super().steps, set()
        if steps and self._left_out(steps[-1]):
            for step in steps:
                with suppress(Exception):  # whatever Orbax makes of damaged files; `load` says what
                    if self.metadata(step).get("left_out") not in (None, self._left_out(step - 1)):
                        found.add(step)
        return found

    def _refusal(self, path: epath.Path, metadata: Mapping[str, Any], abstract: TrainState) -> str:
        saved, own = metadata["design_hash"], self._travels["design_hash"]
        if saved != own:
            return f"{path} is of another design, {saved}, not {own}: use another --workdir"
        return super()._refusal(path, metadata, abstract)

    @contextmanager
    def writing(self, again: bool = True) -> Iterator[None]:
        """Turns what goes wrong with the disk into a message, which names the last intact checkpoint.

        Args:
            again: False keeps silent, where a failure has been reported already.
        """
        try:
            yield
        except Exception as error:
            if not again:
                return
            text = str(error)
            full = "No space left" in text or "RESOURCE_EXHAUSTED" in text or "Disk quota" in text
            if not (full or of_storage(error) or "file" in text.lower()):
                raise
            steps = [step for step in super().steps if step not in self._aside | self._damaged]
            last = (
                f"the last intact checkpoint is {self._folder / str(steps[-1])}" if steps else "none was saved before"
            )
            problem = "no space left on the disk" if full else (text.strip().splitlines() or ["?"])[0][:300]
            raise RunError(f"cannot save into {self._folder}: {problem}; {last}. The same command continues") from error

    def _mend(self) -> None:
        """Takes away what Orbax cannot read: for one damaged file it would open no checkpoint.

        Metrics only tell the best one. Metadata are kept under another name; a checkpoint without counts as damaged.
        """
        for step in super().steps:
            metadata = self._folder / str(step) / _METADATA
            try:
                if metadata.exists():
                    _FORMAT.find_step(self._folder, step)
            except ValueError:
                metadata.replace(metadata.with_name(f"{_METADATA}.damaged"))
            file = self._folder / str(step) / "metrics" / "metrics"
            try:
                if file.exists():
                    json.loads(file.read_text())
            except ValueError:
                file.unlink()


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    """Keeps silent of what Orbax leaves behind where one of many reads or writes failed, and a message says so.

    The others end when nobody waits for them: their coroutines are destroyed, the loop that they would tell is closed.
    """
    trace = what.exc_traceback
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    if where.partition(".")[0] not in ("asyncio", "orbax", "uvloop"):
        sys.__unraisablehook__(what)


def _unreadable(folder: epath.Path, problems: Mapping[int, str]) -> str:
    """What to do where no checkpoint can be read.

    Args:
        folder: of the checkpoints.
        problems: what is wrong, by step.
    """
    lines = [f"  step {step}: {problem}" for step, problem in problems.items()]
    return "\n".join(
        [
            f"none of the checkpoints in {folder} can be read:",
            *lines,
            "None of them was changed. If the storage or its credentials are at fault, restore them: the same",
            f"command continues. To start anew, use another --workdir, or remove {folder}",
        ]
    )


class _Usable:
    """A policy of Orbax that sees, and keeps, none of the checkpoints that were set aside.

    They may be of later steps than the next ones, and would count as the latest.

    Args:
        policy: of the others.
        aside: their steps, at any time.
    """

    def __init__(self, policy: Any, aside: set[int]):
        self._policy, self._aside = policy, aside

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        usable = [checkpoint for checkpoint in checkpoints if checkpoint.step not in self._aside]
        kept = self._policy.should_preserve(usable, context=context)
        stay = {checkpoint.step for checkpoint, stays in zip(usable, kept, strict=True) if stays}
        return [checkpoint.step in stay for checkpoint in checkpoints]


def _policy(spec: Checkpoint) -> Any:
    """Which checkpoints stay: the latest, the multiples of a number, the best."""
    policies = ocp.training.preservation_policies
    kept: list[Any] = [policies.LatestN(spec.keep)]
    if spec.keep_every is not None:
        kept.append(policies.EveryNSteps(spec.keep_every))
    if spec.best is not None:
        name = spec.best.metric
        lowest = policies.BestN(
            get_metric_fn=lambda metrics: metrics.get(name, math.inf),
            reverse=True,  # the last of the descending ones are kept
            n=spec.best.count,
            keep_checkpoints_without_metrics=False,
        )
        kept.append(lowest)
    return policies.AnyPreservationPolicy(kept)


def _read(path: epath.Path, abstract: Packed) -> Packed:
    """What was saved, read by every process for itself: one that fails leaves no other waiting for it."""
    me = jax.process_index()
    options = ocp.options.MultiprocessingOptions(
        primary_host=me, active_processes={me}, barrier_sync_key_prefix=f"process{me}"
    )
    with ocp.Context(multiprocessing_options=options):
        read: Packed = ocp.load(path, abstract)
    return read


def _seal(metadata: Mapping[str, Any]) -> str:
    """Hash of the metadata, without the one that it has."""
    text = json.dumps({name: value for name, value in metadata.items() if name != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _structure(state: TrainState) -> str:
    """Hash of names, shapes and types: what a state must have to be restored into another."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    text = sorted(f"{jax.tree_util.keystr(path)} {leaf.shape} {leaf.dtype}" for path, leaf in leaves)
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
