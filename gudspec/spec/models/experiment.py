"""The whole spec."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, model_validator

from gudspec.spec.models.base import Model, refuse
from gudspec.spec.models.data import Data
from gudspec.spec.models.design import Design
from gudspec.spec.models.launch import Launch
from gudspec.spec.models.results import AnyEvaluation, Sample
from gudspec.spec.models.sweep import Sweep
from gudspec.spec.models.training import AnyNetwork, AnyObjective, Backbone, Checkpoint, Denoising, Mesh, Train, Unet


class Experiment(Model):
    """One experiment: data, a design point or a range of them, a network, a training, and what to measure."""

    gudspec: Literal[1]
    """Version of the language."""
    name: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")]
    """Name of the experiment: letters, digits, `_`, `-` and `.`."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Every random number of the run derives from it."""
    data: Data
    """The images."""
    design: Design = Design()
    """The process."""
    objective: AnyObjective = Denoising()
    """The loss."""
    network: AnyNetwork = Unet(kind="unet")
    """What is trained."""
    train: Train = Train()
    """The training run."""
    evaluate: tuple[AnyEvaluation, ...] = ()
    """What is measured at the end."""
    sample: tuple[Sample, ...] = ()
    """What is drawn at the end."""
    mesh: Mesh = Mesh()
    """The devices."""
    checkpoint: Checkpoint = Checkpoint()
    """When the run is saved."""
    sweep: Sweep | None = None
    """Several runs of this spec; null is one."""
    launch: Launch = Launch()
    """Where `gudspec launch` starts it."""

    @model_validator(mode="after")
    def _unique_names(self) -> "Experiment":
        refuse(Experiment, self._used_again())
        return self

    def _used_again(self) -> Iterator[tuple[str, str, tuple[str | int, ...]]]:
        for section in ("evaluate", "sample"):
            seen: set[str] = set()
            for index, entry in enumerate(getattr(self, section)):
                if entry.name in seen:
                    message = (
                        f"the name `{entry.name}` is used twice in `{section}`: results would overwrite each other"
                    )
                    yield "GUD127", message, (section, index, "name")
                seen.add(entry.name)


def denoising(experiment: Experiment) -> Denoising:
    """The objective of a diffusion model; specs of autoencoders are told apart before."""
    objective = experiment.objective
    assert isinstance(objective, Denoising)
    return objective


def backbone(experiment: Experiment) -> Backbone:
    """The network of a diffusion model; specs of autoencoders are told apart before."""
    network = experiment.network
    assert isinstance(network, Backbone)
    return network
