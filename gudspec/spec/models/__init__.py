"""The language: one frozen Pydantic model per mapping of a spec. The models are its documentation too."""

from gudspec.spec.models.experiment import Experiment

__all__ = ["Experiment"]
