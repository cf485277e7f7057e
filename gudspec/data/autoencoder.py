"""The autoencoder of a learned stage, as far as it is data: which one, and of which images."""

import json

from etils import epath

from gudspec.data.errors import MISSING, UNSUITABLE, DataError
from gudspec.data.source import Source
from gudspec.data.splits import splits
from gudspec.spec.diagnostics import SpecError
from gudspec.spec.identity import design_hash
from gudspec.spec.load import loads
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Autoencoder
from gudspec.spec.models.design import LearnedStage

__all__ = ["trained_autoencoder"]

_FIELD = "design.segments.autoencoder"


def trained_autoencoder(stage: LearnedStage, images: Source) -> tuple[Experiment, str]:
    """The spec of the autoencoder of a learned stage, and the digest of its parameters.

    Args:
        stage: names its workdir.
        images: the source of the images, before a validation split is carved off.

    Raises:
        DataError: there is no finished run of an autoencoder, or it was trained on other images.
    """
    folder = epath.Path(stage.autoencoder).expanduser()
    try:
        spec = loads((folder / "spec.resolved.yaml").read_text(), name=str(folder / "spec.resolved.yaml"))
        trained_on = str(json.loads((folder / "provenance.json").read_text())["design_hash"])
        summary = json.loads((folder / "summary.json").read_text())
        parameters, steps = str(summary["parameters_sha256"]), int(summary["steps"])
    except (OSError, ValueError, KeyError, TypeError, SpecError) as error:
        message = f"{folder} is no finished run ({error}); `autoencoder` names the workdir of a trained autoencoder"
        raise DataError(MISSING, _FIELD, message) from error
    if steps < spec.train.total_steps:
        message = f"{folder} has {steps} of {spec.train.total_steps} steps: `gudspec run` trains the autoencoder on"
        raise DataError(MISSING, _FIELD, message)
    if not isinstance(spec.network, Autoencoder):
        message = f"{folder} is no autoencoder: `design.segments` takes a run of `objective: {{kind: elbo}}`"
        raise DataError(UNSUITABLE, _FIELD, message)
    if (here := design_hash(spec, splits(spec.data, images).fingerprint)) != trained_on:
        message = (
            f"the autoencoder in {folder} was trained on other images: design_hash {trained_on[:12]}… there, "
            f"{here[:12]}… with the images of this spec; train one on these, with the same `data.source`"
        )
        raise DataError(UNSUITABLE, _FIELD, message)
    return spec, parameters
