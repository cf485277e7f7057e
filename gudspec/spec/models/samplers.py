"""`sampler`: how images are drawn, and at which times."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, problem

__all__ = [
    "Ancestral",
    "AngleGrid",
    "AnyGrid",
    "AnySampler",
    "ArcLengthGrid",
    "Ddim",
    "Dpm",
    "EdmGrid",
    "EulerMaruyama",
    "Evaluations",
    "GammaGrid",
    "Ode",
    "PredictorCorrector",
    "StochasticHeun",
    "TimesGrid",
    "UniformGrid",
]

Evaluations = Annotated[int, Field(ge=1, le=100_000)]
"""How often the network is evaluated."""
Time = Annotated[float, Field(ge=0, le=1)]
Tolerance = Annotated[float, Field(gt=0)]


class UniformGrid(Model):
    """Even in t."""

    kind: Literal["uniform"]


class GammaGrid(Model):
    """Even in the mean of γ over the groups: the same grid whatever t counts."""

    kind: Literal["gamma"]


class ArcLengthGrid(Model):
    """Even in the length of the path, ∫‖γ̇‖ dt in the Euclidean norm over the groups.

    Where many groups move at once the steps are shorter in each.
    """

    kind: Literal["arc_length"]


class AngleGrid(Model):
    """Even in the angles between signal and noise, ∫(Σ_i Σ_i φ̇_i²)^½ dt with tan φ_i = σ_i/(α_i √Σ_i).

    It gives each component the steps that it needs, by its share of the image's variance Σ. `ancestral` and `ddim` err
    less on it than on even steps, on the digits little more than half as much; samplers of second order err more.
    """

    kind: Literal["angle"]


class EdmGrid(Model):
    """σ^(1/ρ) even, with σ² = e^γ of the mean γ (arXiv:2206.00364, eq. 5)."""

    kind: Literal["edm"]
    rho: Annotated[float, Field(ge=1, le=100)] = 7.0
    """ρ: large values spend more steps at little noise."""


class TimesGrid(Model):
    """Times one by one: any sub-sequence of the path's."""

    kind: Literal["times"]
    times: Annotated[tuple[Time, ...], Field(min_length=2)]
    """Falling from 1 to 0."""

    @model_validator(mode="after")
    def _falling(self) -> "TimesGrid":
        if self.times[0] != 1 or self.times[-1] != 0:
            message = (
                f"the times lead from 1, the prior, to 0, the data; these from {self.times[0]:g} to {self.times[-1]:g}"
            )
            raise problem(TimesGrid, "GUD258", message, ("times",))
        for k, (one, two) in enumerate(pairwise(self.times), 1):
            if not two < one:
                message = f"time {k + 1} ({two:g}) must be below the one before it ({one:g})"
                raise problem(TimesGrid, "GUD258", message, ("times", k))
        return self


AnyGrid = Annotated[
    UniformGrid | GammaGrid | ArcLengthGrid | AngleGrid | EdmGrid | TimesGrid, Field(discriminator="kind")
]


class _Stepped(Model):
    grid: AnyGrid = UniformGrid(kind="uniform")
    """How the steps are spread over t."""

    @property
    def evaluations_per_step(self) -> int:
        """How often a step evaluates the network."""
        return 1

    @property
    def count(self) -> int | None:
        """Steps, without those at the path's kinks; None of a solver that chooses its own."""
        return len(self.grid.times) - 1 if isinstance(self.grid, TimesGrid) else self.steps  # type: ignore[attr-defined]


class Ancestral(_Stepped):
    """The exact Gaussian posterior q(χ_s | χ_t, x̂) of each step (arXiv:2006.11239)."""

    kind: Literal["ancestral"]
    steps: Evaluations = 100
    """Evaluations of the network."""


class Ddim(_Stepped):
    """DDIM (arXiv:2010.02502, eq. 12), component by component."""

    kind: Literal["ddim"]
    steps: Evaluations = 50
    """Evaluations of the network."""
    eta: Annotated[float, Field(ge=0, le=1)] = 0.0
    """0 is deterministic, 1 is ancestral sampling."""


class Dpm(_Stepped):
    """DPM-Solver++(2M) (arXiv:2211.01095, Alg. 2), or (3M), component by component: one evaluation a step."""

    kind: Literal["dpm"]
    steps: Evaluations = 20
    """Steps; kinks of the path are added to them."""
    order: Literal[2, 3] = 2
    """3 takes the last three estimates in place of two: mostly fewer steps, but more of them to be good at all."""


class EulerMaruyama(_Stepped):
    """The reverse SDE (10) by Euler–Maruyama; the path's kinks are steps of the grid."""

    kind: Literal["euler_maruyama"]
    steps: Evaluations = 200
    """Steps; kinks of the path are added to them."""


class StochasticHeun(_Stepped):
    """The reverse SDE (10) by Heun's method, of weak order 2; two evaluations a step."""

    kind: Literal["stochastic_heun"]
    steps: Evaluations = 50
    """Steps; kinks of the path are added to them."""

    @property
    def evaluations_per_step(self) -> int:
        """How often a step evaluates the network."""
        return 2


class PredictorCorrector(_Stepped):
    """Ancestral steps, each followed by Langevin steps at its end (arXiv:2011.13456, Alg. 4)."""

    kind: Literal["predictor_corrector"]
    steps: Evaluations = 100
    """Ancestral steps."""
    corrections: Annotated[int, Field(ge=1, le=1000)] = 1
    """Langevin steps after each; one more evaluation for each."""
    snr: Annotated[float, Field(gt=0, le=0.5)] = 0.16
    """r of the paper: how far a Langevin step goes, relative to the noise."""

    @property
    def evaluations_per_step(self) -> int:
        """How often a step evaluates the network."""
        return 1 + self.corrections


class Ode(_Stepped):
    """The probability-flow ODE (25); the path's kinks are steps of the grid."""

    kind: Literal["ode"]
    solver: Literal["euler", "heun", "tsit5"] = "tsit5"
    """`tsit5` chooses its own steps to the tolerances; `euler` and `heun` take `steps`."""
    steps: Evaluations = 50
    """Steps of `euler` and `heun`; kinks of the path are added to them."""
    rtol: Tolerance = 1e-4
    """Relative tolerance of `tsit5`."""
    atol: Tolerance = 1e-4
    """Absolute tolerance of `tsit5`, per component in units of its standard deviation."""

    @property
    def evaluations_per_step(self) -> int:
        """How often a step evaluates the network."""
        return {"euler": 1, "heun": 2, "tsit5": 6}[self.solver]

    @property
    def count(self) -> int | None:
        """Steps, without those at the path's kinks; None of a solver that chooses its own."""
        return None if self.solver == "tsit5" else super().count


AnySampler = Annotated[
    Ancestral | Ddim | Dpm | EulerMaruyama | StochasticHeun | PredictorCorrector | Ode, Field(discriminator="kind")
]
