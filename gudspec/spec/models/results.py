"""`evaluate` and `sample`: what is measured and drawn once the network is trained."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gudspec.spec.models.base import Model, problem
from gudspec.spec.models.samplers import Ancestral, AnySampler, Evaluations
from gudspec.spec.models.schedules import AnySchedule
from gudspec.spec.models.tasks import AnyTask, Generate
from gudspec.spec.models.training import Images, Positive


class Linspace(Model):
    """Evenly spaced values."""

    linspace: tuple[float, float, Annotated[int, Field(ge=1, le=1000)]]
    """First value, last value and how many."""


def _kind_of_values(value: Any) -> str:
    if isinstance(value, (dict, Linspace)):
        return "linspace"
    return "list" if isinstance(value, (list, tuple)) else "number"


Values = Annotated[
    Annotated[float, Tag("number")] | Annotated[tuple[float, ...], Tag("list")] | Annotated[Linspace, Tag("linspace")],
    Discriminator(_kind_of_values),
]
"""A number, a list of numbers, or `{linspace: [first, last, count]}`."""


def expand(values: "float | tuple[float, ...] | Linspace") -> tuple[float, ...]:
    """The numbers that `values` stands for."""
    if isinstance(values, Linspace):
        first, last, count = values.linspace
        return tuple(first + (last - first) * i / max(count - 1, 1) for i in range(count))
    return values if isinstance(values, tuple) else (values,)


class _Measured(Model):
    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")]
    """Name of the results, unique in its list."""
    at: dict[str, Values] = Field(default_factory=dict)
    """Schedule parameters by dotted path, e.g. `design.schedule.inverse_softness`; several form a grid. Parameters that
    are not named take their nominal value."""
    zip: bool = False
    """Pair the values of several paths one by one instead of forming a grid."""

    @model_validator(mode="after")
    def _same_lengths(self) -> "_Measured":
        lengths = {path: len(expand(values)) for path, values in self.at.items()}
        if self.zip and len(set(lengths.values())) > 1:
            raise problem(type(self), "GUD126", f"`zip` needs lists of one length, not {lengths}", ("zip",))
        return self


class DesignPath(Model):
    """The path of `design.schedule`, on which the network was trained."""

    kind: Literal["design"]


class _Evaluation(_Measured):
    images: Positive | None = None
    """How many images of the split, evenly spread over it; null takes all."""
    split: Literal["train", "validation", "test"] = "test"
    """Which images."""
    batch_size: Images = 128
    """Images per solve, over all devices."""
    path: Annotated[DesignPath | AnySchedule, Field(discriminator="kind")] = DesignPath(kind="design")
    """The path that is followed. It must stay where the network was trained."""

    @property
    def schedule(self) -> AnySchedule | None:
        """The schedule of a path of its own; None on that of the design."""
        return None if isinstance(self.path, DesignPath) else self.path


class Likelihood(_Evaluation):
    """Likelihood in bits/dim by the probability-flow ODE (25), Tsitouras 5/4 with adaptive steps (GUD, App. B)."""

    kind: Literal["likelihood"]
    divergence: Literal["hutchinson", "exact"] = "hutchinson"
    """`exact` takes the trace of the Jacobian, one product per dimension; `hutchinson` estimates it."""
    probes: Annotated[int, Field(ge=1, le=1000)] = 1
    """Rademacher probes of Hutchinson's estimator, per image and evaluation; a solve takes some thirty evaluations."""
    rtol: Annotated[float, Field(gt=0)] = 1e-4
    """Relative tolerance of the solver."""
    atol: Annotated[float, Field(gt=0)] = 1e-4
    """Absolute tolerance of the solver, per component in units of its standard deviation."""


class Bound(_Evaluation):
    """The variational bound along the path, in bits/dim, with a Gaussian decoder."""

    kind: Literal["bound"]
    times: Evaluations = 32
    """Stratified times per image in the Monte Carlo estimate of the integral over t."""


AnyEvaluation = Annotated[Likelihood | Bound, Field(discriminator="kind")]


class Sample(_Measured):
    """Images drawn from the trained model."""

    count: Images = 64
    """How many images, for each value of `at`."""
    batch_size: Images = 512
    """Images drawn together, over all devices. Between them a run can stop; what was drawn is kept."""
    sampler: AnySampler = Ancestral(kind="ancestral")
    """How they are drawn."""
    path: Annotated[DesignPath | AnySchedule, Field(discriminator="kind")] = DesignPath(kind="design")
    """The path that is followed. It must stay where the network was trained."""
    task: AnyTask = Generate(kind="generate")
    """What is given, and what is done with it."""
    labels: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Class labels, one image after the other and again from the first; null takes all classes in turn."""
    guidance: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Scale of classifier-free guidance (arXiv:2207.12598): 1 draws from the conditional density, 0 ignores the
    label."""
    noise: Annotated[int, Field(ge=0)] | None = None
    """Entries with the same number here, and the same count, begin with the same noise, whatever their samplers; null
    gives each entry noise of its own."""
    frames: Annotated[int, Field(ge=0, le=1000)] = 0
    """Pictures of the way from noise to image, as an animation; 0 keeps none."""

    @property
    def schedule(self) -> AnySchedule | None:
        """The schedule of a path of its own; None on that of the design."""
        return None if isinstance(self.path, DesignPath) else self.path

    @property
    def together(self) -> int:
        """How many images one program draws."""
        return min(self.count, self.batch_size)
