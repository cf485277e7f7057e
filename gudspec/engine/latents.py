"""A trained autoencoder at work: images to latents, in an archive, and latents to images."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from gudspec.data import Images
from gudspec.data.cache import replace_file
from gudspec.data.encoded import Encoded
from gudspec.engine.checkpoints import Saved, digest
from gudspec.engine.loop import abstract_state
from gudspec.engine.main import Options, open_workdir
from gudspec.engine.mesh import gathered
from gudspec.engine.results import Trained
from gudspec.engine.workdir import Workdir
from gudspec.errors import Refused
from gudspec.program.autoencoder import Autoencoder
from gudspec.program.compiler import compile
from gudspec.program.design import Shape, Statistics
from gudspec.program.keys import fold, root

__all__ = ["decoder", "encode", "restored"]

_BATCH = 128
_SPLITS = ("train", "test", "validation")


def encode(
    workdir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    means: bool = False,
    options: Options | None = None,
) -> dict[str, tuple[int, ...]]:
    """Writes the latents of an autoencoder's own images into an archive, which is a data source.

    Args:
        workdir: the autoencoder's, trained.
        output: the archive, `.npz`.
        means: writes the means of q(z|x) in place of latents drawn from it. Likelihoods of images need drawn ones.
        options: who is told, and more.

    Returns:
        Shapes of the arrays, by name.

    Raises:
        Refused: the run is no autoencoder, or the archive cannot be written.
    """
    options = options or Options()
    with open_workdir(workdir, (), options) as (trained, sha256, _):
        if not isinstance(trained.program, Autoencoder):
            raise Refused(f"{workdir} is no autoencoder: `gudspec encode` takes a run of `objective: {{kind: elbo}}`")
        if jax.process_count() > 1:
            raise Refused("images are encoded by one process: start it without --processes")
        arrays = _arrays(trained, trained.program, means)
        source = trained.prepared.source
        about = Encoded(
            workdir="",
            design_hash=trained.prepared.hashes["design_hash"],
            parameters_sha256=sha256,
            shape=source.shape,
            levels=source.levels,
            classes=source.classes,
            sampled=not means,
        )
    facts = dataclasses.asdict(about)
    del facts["workdir"]
    arrays["autoencoder"] = np.array(json.dumps(facts))
    if not replace_file(Path(output).expanduser(), lambda file: np.savez(file, allow_pickle=False, **arrays)):
        raise Refused(f"cannot write {output}")
    return {name: array.shape for name, array in arrays.items()}


def _arrays(trained: Trained, program: Autoencoder, means: bool) -> dict[str, np.ndarray]:
    source, arrays = trained.prepared.source, {}
    weights = gathered(trained.parameters, trained.mesh)
    key = fold(root(trained.prepared.experiment.seed), "encode")
    for number, name in enumerate(_SPLITS):
        images: Images | None = getattr(source, name)
        if images is None:
            continue
        parts = []
        for index, start in enumerate(range(0, len(images), _BATCH)):
            trained.check_stop(again="encodes all images anew")
            trained.heartbeat.progress("encoding")
            rows = (start + np.arange(_BATCH)) % len(images)  # the last batch is filled up
            batch = {"pixels": images.take(rows).pixels}
            own = fold(fold(key, "split", number), "batch", index)
            parts.append(program.encode(weights, trained.statistics, batch, own))
        mean, drawn, rest = (
            np.concatenate([np.asarray(one) for one in each])[: len(images)] for each in zip(*parts, strict=True)
        )
        arrays[name] = mean if means else drawn
        if not means:
            arrays[f"{name}_remainder"] = rest.astype(np.float64)
        if images.labels is not None:
            arrays[f"{name}_labels"] = images.labels
    return arrays


def decoder(encoded: Encoded) -> Callable[[np.ndarray], np.ndarray]:
    """The decoder of the autoencoder that latents come from: latents [n, h, w, c] to images [n, H, W, C].

    Its images need not be there. Its workdir is only read.

    Raises:
        Refused: it is not there any more, or has other parameters.
    """
    program, weights, statistics = restored(encoded.workdir, encoded.shape, encoded.classes, encoded.parameters_sha256)

    def decode(latents: np.ndarray) -> np.ndarray:
        parts = []
        for start in range(0, len(latents), _BATCH):
            rows = (start + np.arange(_BATCH)) % len(latents)
            parts.append(np.asarray(program.decode(weights, statistics, latents[rows])))
        return np.concatenate(parts)[: len(latents)]

    return decode


def restored(workdir: str, shape: Shape, classes: int, parameters_sha256: str) -> tuple[Autoencoder, Any, Statistics]:
    """A trained autoencoder: its program, its averaged parameters, and the statistics of its images.

    Args:
        workdir: the autoencoder's, which is only read.
        shape: its images, (H, W, C).
        classes: number of their labels.
        parameters_sha256: digest of the parameters that it should have.

    Raises:
        Refused: it is not there any more, or has other parameters.
    """
    directory = Workdir.at(workdir, writes=False)
    program = compile(directory.experiment(), shape, classes)
    if not isinstance(program, Autoencoder):
        raise Refused(f"{directory.path} is no autoencoder")
    one_device = jax.make_mesh((1, 1), ("data", "fsdp"), devices=jax.local_devices()[:1])
    saved, statistics = Saved(directory.checkpoints), directory.load_statistics()
    state = None
    for step in reversed(saved.steps):
        state, _ = saved.load(step, abstract_state(program, one_device))
        if state is not None:
            break
    if state is None or statistics is None:
        raise Refused(f"{directory.path} has no intact checkpoint to decode with")
    if (found := digest(gathered(state.parameters, one_device))) != parameters_sha256:
        raise Refused(
            f"{directory.path} holds another autoencoder than the latents are from: parameters {found[:12]}…, not "
            f"{parameters_sha256[:12]}…. Encode the images again"
        )
    return program, gathered(state.ema, one_device), statistics
