"""Lint clean ⇒ compiles: every program of a spec without errors can be traced, and its γ(t) is finite and monotone."""

from __future__ import annotations

import traceback
from pathlib import Path

import numpy as np

from gudspec.linter.look import look
from gudspec.spec.load import Document
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Autoencoder
from gudspec.spec.models.results import Likelihood
from gudspec.spec.models.training import AnyNetwork, Unet
from gudspec.spec.models.transformers import Dit
from gudspec.spec.sources import classes, shape
from gudspec.spec.stage import autoencoder_of, learned_stage

__all__ = ["broken", "crooked", "structure", "traceable"]

_TIMES = np.linspace(0.0, 1.0, 33)


def traceable(experiment: Experiment) -> bool:
    """Whether tracing takes seconds, and depends on nothing that only the data can tell."""
    image, network = shape(experiment.data.source), experiment.network
    if image is None or (network.labels and classes(experiment.data.source) is None):
        return False
    if learned_stage(experiment.design) and autoencoder_of(experiment.design) is None:
        return False
    exact = any(isinstance(one, Likelihood) and one.divergence == "exact" for one in experiment.evaluate)
    return (
        max(image) <= 32
        and _small(network)
        and len(experiment.evaluate) + len(experiment.sample) + len(experiment.train.phases) <= 4
        and not (exact and np.prod(image) > 1024)
    )


def _small(network: AnyNetwork) -> bool:
    match network:
        case Unet():
            depth, width = len(network.multipliers) * network.blocks, network.channels * max(network.multipliers)
        case Dit():
            depth, width = 1, max(1, network.mlp_ratio) * network.width  # one block is traced, however many there are
        case Autoencoder():
            return len(network.multipliers) * network.blocks <= 8 and network.channels * max(network.multipliers) <= 512
    return depth <= 8 and width <= 512 and network.mixer_layers <= 4


def structure(experiment: Experiment) -> str:
    """What the programs depend on, roughly: specs that agree on it are traced once."""
    plain = experiment.model_dump(exclude={"name", "seed", "mesh", "checkpoint", "evaluate", "sample"})
    for name in ("steps", "ema", "log_every"):
        plain["train"].pop(name)
    results = [one.model_dump(exclude={"name", "at", "images", "split", "rtol", "atol"}) for one in experiment.evaluate]
    samples = [(one.count, one.sampler.model_dump()) for one in experiment.sample]
    return repr((plain, results, samples))


def broken(experiment: Experiment) -> str | None:
    """Why a program cannot be traced; None if all can."""
    from gudspec.program.abstract import trace

    try:
        trace(experiment)
    except Exception as error:  # whatever it is, the linter should have seen it
        frames = [one for one in traceback.extract_tb(error.__traceback__) if "gudspec" in one.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].name}" if frames else "?"
        return f"does not compile: {type(error).__name__} in {where}\n{traceback.format_exc(limit=-6)}"
    return None


def crooked(document: Document) -> str | None:
    """Where γ(t) is not finite or falls, as NumPy evaluates it over all corners of the trained ranges."""
    seen = look(document)
    gamma = seen.gamma(_TIMES)
    if gamma is None:
        return None
    if not np.isfinite(gamma).all():
        return f"γ is not finite\n{document.experiment.design}"
    span = max(float(np.ptp(gamma)), 1.0)
    fall = float(np.diff(gamma, axis=1).min())
    if fall < -1e-9 * span:
        return f"γ falls\nby {-fall:g}: {document.experiment.design}"
    return None
