"""What a learned stage (`design.segments: {autoencoder, turning}`) can be combined with, and its autoencoder's spec."""

import os
from collections.abc import Iterator

from gudspec.spec.diagnostics import SpecError
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Autoencoder
from gudspec.spec.models.bases import PixelBasis
from gudspec.spec.models.design import Design, LearnedStage
from gudspec.spec.models.measures import OnPath
from gudspec.spec.models.priors import IsotropicPrior
from gudspec.spec.models.samplers import Ancestral, Ddim
from gudspec.spec.models.tasks import Generate
from gudspec.spec.models.training import Backbone, Denoising
from gudspec.spec.tree import Path

__all__ = ["autoencoder_of", "learned_stage", "unasked", "unsuited"]

_SHARED = ("linear", "vp", "cosine", "ddpm", "edm", "ve")
"""Schedules of one γ for all components, whose parameters are fixed."""

Problem = tuple[str, Path]
"""What is wrong and why, and where."""


def learned_stage(design: Design) -> LearnedStage | None:
    """The learned stage of a design, if it has one."""
    return design.segments if isinstance(design.segments, LearnedStage) else None


def unsuited(experiment: Experiment) -> Iterator[Problem]:
    """Choices that a learned stage cannot be trained with; none of a design without one.

    A latent is no component of the image: what both stages have in common is the one noise level of all components.
    """
    if learned_stage(experiment.design) is None or not isinstance(experiment.objective, Denoising):
        return
    design, network = experiment.design, experiment.network
    if experiment.data.source.kind == "latents":
        yield "a learned stage encodes images, and these are latents already", ("data", "source", "kind")
    if not isinstance(design.basis, PixelBasis):
        message = f"components of the {design.basis.kind} basis have no counterpart among the latents; take `pixel`"
        yield message, ("design", "basis", "kind")
    if not isinstance(design.prior, IsotropicPrior):
        message = f"the {design.prior.kind} prior is not one of latents; take `isotropic`"
        yield message, ("design", "prior", "kind")
    if design.schedule.kind not in _SHARED:
        message = f"images and latents share one noise level, and the {design.schedule.kind} schedule has several"
        yield f"{message}; take one of {', '.join(_SHARED)}", ("design", "schedule", "kind")
    if not isinstance(experiment.objective.measure, OnPath):
        message = f"the {experiment.objective.measure.kind} measure leaves the path, to which the stage is bound"
        yield message, ("objective", "measure")
    if isinstance(network, Backbone):
        if network.grids != "separate":
            yield "images and latents need networks of their own; take `grids: separate`", ("network", "grids")
        if network.conditioning not in ("groups", "scalar"):
            yield "there is one noise level, and so one token; take `groups`", ("network", "conditioning")


def unasked(experiment: Experiment) -> Iterator[Problem]:
    """Evaluations and drawings that a learned stage does not have; none of a design without one.

    From the turning point on the process is one of latents, which do not determine the image: it has neither a
    probability flow nor a bound that reaches back to the image, and what is known of an image is not known of them.
    """
    if learned_stage(experiment.design) is None or not isinstance(experiment.objective, Denoising):
        return
    for index, entry in enumerate(experiment.evaluate):
        message = f"no {entry.kind} goes through a learned stage: latents do not determine the image"
        yield message, ("evaluate", index, "kind")
    for index, drawn in enumerate(experiment.sample):
        if not isinstance(drawn.task, Generate):
            yield f"the task {drawn.task.kind} cannot go through a learned stage", ("sample", index, "task")
        if not isinstance(drawn.sampler, Ancestral | Ddim):
            message = f"{drawn.sampler.kind} takes no steps between images that move; take `ancestral` or `ddim`"
            yield message, ("sample", index, "sampler", "kind")
        if drawn.schedule is not None:
            yield "the turning point is one of the design's own path", ("sample", index, "path")
        if drawn.frames:
            yield "images and latents do not fit into one animation", ("sample", index, "frames")


def autoencoder_of(design: Design) -> Experiment | None:
    """The spec of the autoencoder of a learned stage, as its workdir has it; None without one, or if it is not here.

    Its network is what a program with a learned stage has to know of it.
    """
    stage = learned_stage(design)
    if stage is None:
        return None
    try:
        file = os.path.join(os.path.expanduser(stage.autoencoder), "spec.resolved.yaml")
        with open(file, encoding="utf-8") as text:
            found = loads(text.read(), name=file)
    except (OSError, ValueError, SpecError):
        return None
    return found if isinstance(found.network, Autoencoder) else None
