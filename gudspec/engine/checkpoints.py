"""Checkpoints: Orbax, and a digest that tells a damaged one."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from etils import epath
from orbax.checkpoint import v1 as ocp

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
        if step in self.steps:
            return
        # the digest reads the state before the next step donates its buffers
        metadata = {**hashes, "sha256": digest(state)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._checkpointer.save_async(step, state, force=True, custom_metadata=metadata)

    def wait(self) -> None:
        """Blocks until the last save is on disk."""
        self._checkpointer.wait()

    def restore(self, abstract: TrainState, report: Callable[[str], None]) -> TrainState | None:
        """The latest intact state, or None if there is none.

        Args:
            abstract: shapes, types and shardings of the state.
            report: is told about every damaged checkpoint.
        """
        for step in reversed(self.steps):
            try:
                state: TrainState = self._checkpointer.load(step, abstract)
                expected = self._checkpointer.metadata(step).custom_metadata["sha256"]
                if digest(state) == expected:
                    return state
                problem = "its content does not match its digest"
            except Exception as error:  # whatever Orbax and TensorStore make of damaged files
                problem = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            report(f"checkpoint {self._folder / str(step)} is damaged ({problem}); trying the one before it")
            self._checkpointer.delete(step)  # its step will be reached, and saved, again
        return None
