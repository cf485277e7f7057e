"""Checkpoints: Orbax, and a digest that tells a damaged one."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from orbax.checkpoint import v1 as ocp

from gudspec import __version__
from gudspec.errors import Refused
from gudspec.program.train import TrainState

__all__ = ["Checkpoints", "digest"]


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


class Checkpoints:
    """The checkpoints of a run: saved atomically and in the background, verified when they are read.

    Args:
        folder: where they are; created by the first save.
        keep: how many of the latest are kept.
    """

    def __init__(self, folder: epath.Path, keep: int):
        logging.getLogger("absl").setLevel(logging.ERROR)  # Orbax narrates every save
        policies = ocp.training.preservation_policies
        self._folder = folder
        self._damaged: set[int] = set()
        self._checkpointer = ocp.training.Checkpointer(
            folder, preservation_policy=policies.LatestN(keep), cleanup_tmp_directories=True
        )

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._checkpointer.close()

    @property
    def steps(self) -> list[int]:
        """Steps that were saved, rising."""
        return [checkpoint.step for checkpoint in self._checkpointer.checkpoints]

    def save(self, state: TrainState, hashes: Mapping[str, str]) -> None:
        """Starts to save a state; training may go on meanwhile.

        Args:
            state: what to save, under the number of steps that it has taken.
            hashes: identity of the run, saved beside it.
        """
        step = int(state.step)
        if step in set(self.steps) - self._damaged:
            return
        # the digest reads the state before the next step donates its buffers
        metadata = {**hashes, "version": __version__, "structure": _structure(state), "sha256": digest(state)}
        self._checkpointer.save_async(
            step, state, force=True, overwrite=step in self._damaged, custom_metadata=metadata
        )
        self._damaged.discard(step)

    def wait(self) -> None:
        """Blocks until the last save is on disk."""
        self._checkpointer.wait()

    def restore(self, abstract: TrainState, report: Callable[[str], None]) -> TrainState | None:
        """The latest intact state, or None if there is none.

        Damaged checkpoints are named and left where they are, until their step is reached, and saved, again.

        Args:
            abstract: shapes, types and shardings of the state.
            report: is told about every damaged checkpoint.

        Raises:
            Refused: a checkpoint is intact but was saved by another network or another version of it.
        """
        for step in reversed(self.steps):
            path = self._folder / str(step)
            try:
                metadata = self._checkpointer.metadata(step).custom_metadata
                if metadata["structure"] != _structure(abstract):
                    raise Refused(
                        f"{path} is of a network with other parameters, saved by gudspec {metadata['version']}"
                    )
                state: TrainState = self._checkpointer.load(step, abstract)
                if digest(state) == metadata["sha256"]:
                    return state
                problem = "its content does not match its digest"
            except Refused:
                raise
            except Exception as error:  # whatever Orbax and TensorStore make of damaged files
                problem = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            self._damaged.add(step)
            report(f"checkpoint {path} is damaged ({problem}); trying the one before it")
        return None


def _structure(state: TrainState) -> str:
    """Hash of names, shapes and types: what a state must have to be restored into another."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    text = sorted(f"{jax.tree_util.keystr(path)} {leaf.shape} {leaf.dtype}" for path, leaf in leaves)
    return hashlib.sha256("\n".join(text).encode()).hexdigest()
