"""What checkpoints a workdir has, and whether they are intact."""

from __future__ import annotations

import os
from typing import Any

import jax

from gudspec.engine.checkpoints import Saved
from gudspec.engine.loop import abstract_state
from gudspec.engine.workdir import Workdir
from gudspec.spec.stage import learned_stage

__all__ = ["inspect"]


def inspect(workdir: str | os.PathLike[str], verify: bool) -> list[dict[str, Any]]:
    """The checkpoints of a run, oldest first. Nothing is changed, and a run that is going on is not disturbed.

    Args:
        workdir: a workdir.
        verify: reads every checkpoint and compares its checksum.

    Returns:
        Per checkpoint: `step`, `state` (`intact`, `damaged`, or `present` if it was not read), `problem`, and the
        `version`, `commit` and `design_hash` that travel in it.

    Raises:
        Refused: the folder is not a workdir.
    """
    directory = Workdir.at(workdir, writes=False)
    experiment = directory.experiment()
    rows = []
    abstract = None
    checkpoints = Saved(directory.checkpoints)
    for step in checkpoints.steps:
        try:
            travels = checkpoints.metadata(step)
        except Exception:  # whatever Orbax makes of damaged files; `load` says what
            travels = {}
        state, problem = "present", ""
        if verify:
            if abstract is None:
                abstract = _abstract(experiment)
            found, problem = checkpoints.load(step, abstract)
            state = "damaged" if found is None else "intact"
        known = {name: travels.get(name) for name in ("version", "commit", "design_hash")}
        rows.append({"step": step, "state": state, "problem": problem, **known})
    return rows


def _abstract(experiment: Any) -> Any:
    """Shapes of the state, from the spec and the images that it names."""
    from gudspec.data import open_source, splits
    from gudspec.data.autoencoder import trained_autoencoder
    from gudspec.program.compiler import compile

    opened, stage = open_source(experiment.data.source), learned_stage(experiment.design)
    source = splits(experiment.data, opened)
    one_device = jax.make_mesh((1, 1), ("data", "fsdp"), devices=jax.local_devices()[:1])
    coder = trained_autoencoder(stage, opened)[0] if stage else None
    return abstract_state(compile(experiment, source.shape, source.classes, coder), one_device)
