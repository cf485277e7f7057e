"""`design`: the design point of the process: basis, prior, schedule (GUD, §4)."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gudspec.spec.models.base import Model, problem
from gudspec.spec.models.bases import AnyBasis, PixelBasis
from gudspec.spec.models.priors import AnyPrior, IsotropicPrior
from gudspec.spec.models.schedules import AnySchedule, LinearSchedule
from gudspec.spec.models.shared_schedules import Fraction


class LearnedStage(Model):
    """A learned stage of f-DM (arXiv:2210.04955): from a time on, the process is one of an autoencoder's latents.

    Until then an image x moves in a straight line to what the decoder g makes of its latents f(x).
    """

    autoencoder: str
    """The workdir of the autoencoder, trained on the same images."""
    turning: Fraction = 0.5
    """The time at which the image has become g(f(x)), and f(x) takes its place."""


def _kind_of_segments(value: Any) -> str:
    if isinstance(value, (dict, LearnedStage)):
        return "learned"
    return "times" if isinstance(value, (list, tuple)) else "word"


Segments = Annotated[
    Annotated[Literal["auto", "off"], Tag("word")]
    | Annotated[tuple[Fraction, ...], Field(min_length=1), Tag("times")]
    | Annotated[LearnedStage, Tag("learned")],
    Discriminator(_kind_of_segments),
]
"""`auto`, `off`, a list of times, or a learned stage."""


class Design(Model):
    """A point of the design space: in which basis, towards which prior, along which path."""

    basis: AnyBasis = PixelBasis(kind="pixel")
    """In which components the process is diagonal."""
    prior: AnyPrior = IsotropicPrior(kind="isotropic")
    """The noise in which it ends."""
    schedule: AnySchedule = LinearSchedule(kind="linear")
    """The path of noising states γ(t), t from 0 (data) to 1 (prior)."""
    segments: Segments = "off"
    """Work on a coarser grid once the finest levels of a haar basis are prior noise: half of each side per level.
    `auto` finds the times from the schedule, a list gives them, the finest level first; `off` keeps the whole grid. A
    mapping with `autoencoder` and `turning` goes on in learned latents instead (f-DM, arXiv:2210.04955)."""

    @model_validator(mode="after")
    def _rising(self) -> "Design":
        times = self.segments if isinstance(self.segments, tuple) else ()
        for i, (one, two) in enumerate(pairwise(times), 1):
            if not one < two:
                message = f"turning point {i + 1} ({two:g}) must be after the one before it ({one:g})"
                raise problem(Design, "GUD214", message, ("segments", i))
        return self
