"""`objective.measure`: at which noising states the network learns."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem


class OnPath(Model):
    """States on the path of the design, at times drawn as `objective.time` says (GUD, App. B)."""

    kind: Literal["path"]


class LogNormal(Model):
    """log(σ/α) ~ N(mean, deviation²) for all components together (EDM, arXiv:2206.00364, Table 1)."""

    kind: Literal["lognormal"]
    mean: float = -1.2
    """P_mean."""
    deviation: Annotated[float, Field(gt=0)] = 1.2
    """P_std."""


class Independent(Model):
    """Every group of the schedule at its own noise level, uniform in γ (Diffusion Forcing, arXiv:2407.01392)."""

    kind: Literal["independent"]


class Masked(Model):
    """A random share of the parts is known and held clean; the others are on the path. For inpainting and the like."""

    kind: Literal["masked"]
    by: Literal["groups", "components", "pixels", "columns", "rows", "levels", "colors"] = "groups"
    """What is known or unknown as a whole: the groups of the schedule, single components, pixels of all colours,
    columns, rows, levels of a haar basis, or channels. The network's `conditioning` must tell these parts apart."""
    clean: float = -14.0
    """γ of what is known."""


class MeasureMixture(Model):
    """Each example follows one of several measures."""

    kind: Literal["mixture"]
    measures: Annotated[tuple[AnySimpleMeasure, ...], Field(max_length=64)]
    """The measures; at least two."""
    shares: tuple[Annotated[float, Field(gt=0)], ...]
    """Their relative probabilities, as many as there are measures."""

    @model_validator(mode="after")
    def _as_many(self) -> MeasureMixture:
        if len(self.measures) < 2 or len(self.measures) != len(self.shares):
            counts = f"{len(self.measures)} and {len(self.shares)}"
            message = f"a mixture needs two measures or more and as many shares, not {counts}"
            raise problem(MeasureMixture, "GUD128", message, ("shares",))
        return self


AnySimpleMeasure = Annotated[OnPath | LogNormal | Independent | Masked, Field(discriminator="kind")]
AnyMeasure = Annotated[OnPath | LogNormal | Independent | Masked | MeasureMixture, Field(discriminator="kind")]
MeasureMixture.model_rebuild()
