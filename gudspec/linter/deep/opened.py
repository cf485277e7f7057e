"""A spec on so many devices, ready to be traced."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

import jax

from gudspec.ahead.images import image_of
from gudspec.ahead.placement import even, local, mesh_shape
from gudspec.linter.deep.descriptions import UnknownImages, Untraceable
from gudspec.linter.deep.findings import Found, layout
from gudspec.linter.rule import Finding
from gudspec.program.abstract import state
from gudspec.program.compiler import AnyProgram, compile
from gudspec.program.train import TrainState
from gudspec.spec.load import Document
from gudspec.spec.stage import autoencoder_of, learned_stage
from gudspec.spec.tree import Path, find

__all__ = ["Opened", "opened"]


class Opened(NamedTuple):
    """What a spec compiles to."""

    program: AnyProgram
    """Over all devices, which draw as many samples each."""
    share: AnyProgram
    """The same for the images of one device."""
    state: TrainState
    """Shapes and types."""
    classes: int
    """Class labels of the images."""
    shape: tuple[int, int]
    """Devices along data and fsdp."""

    @property
    def parameters(self) -> int:
        """Trained parameters."""
        return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(self.state.parameters))


def opened(document: Document, devices: int) -> tuple[Opened | None, list[Found]]:
    """Compiles a spec for so many devices, as far as no data are needed.

    Args:
        document: a spec without errors.
        devices: how many devices.

    Returns:
        The programs, and what is wrong with them on these devices; no programs where that keeps them from running.
    """
    spec = document.experiment
    shape = mesh_shape(spec, devices)
    found = list(layout(spec, devices, shape))
    if shape is None or any(rule.severity == "error" for rule, _ in found):
        return None, found
    try:
        image, classes = image_of(spec.data.source)
    except ValueError as error:
        return None, [*found, (UnknownImages, Finding(str(error), ("data", "source", "path")))]
    coder = autoencoder_of(spec.design)
    if learned_stage(spec.design) and coder is None:
        message = "the autoencoder of the learned stage has not been trained here: its shapes are not known"
        return None, [*found, (UnknownImages, Finding(message, ("design", "segments", "autoencoder")))]
    try:
        whole, share = (compile(of(spec, devices), image, classes, coder) for of in (even, local))
        return Opened(whole, share, state(whole), classes, shape), found
    except Exception as error:  # whatever it is, a run would raise it too
        message = f"no program can be made of this spec: {error}"
        return None, [*found, (Untraceable, Finding(message, _named(document, error)))]


def _named(document: Document, error: Exception) -> Path:
    """The field of the spec that an error names first."""
    paths = (tuple(name.split(".")) for name in re.findall(r"`([a-z_.]+)`", str(error)))
    return next((path for path in paths if find(document.tree, path)), ())
