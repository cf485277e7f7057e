"""Data and statistics, before any device is touched."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from gudspec.data import Images, Source, open_source, splits
from gudspec.data.statistics import Forward, component_variance, extreme_variances, gaussian_bits_per_dim, moments
from gudspec.errors import Refused
from gudspec.program.design import Design, Statistics
from gudspec.spec.identity import design_hash
from gudspec.spec.models import Experiment
from gudspec.spec.models.design import DataVariancePrior, IsotropicPrior
from gudspec.spec.resolved import dump

__all__ = ["Prepared", "gaussian_baseline", "open_data", "statistics_of"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment with its data."""

    experiment: Experiment
    source: Source
    hashes: dict[str, str]
    """`design_hash`: what the result depends on; `spec_hash`: the resolved spec as a whole."""


def open_data(experiment: Experiment) -> Prepared:
    """Opens the source of an experiment.

    Raises:
        DataError: the images are missing or unusable.
    """
    source = splits(experiment.data, open_source(experiment.data.source))
    spec_hash = hashlib.sha256(dump(experiment).encode()).hexdigest()
    hashes = {"design_hash": design_hash(experiment, source.fingerprint), "spec_hash": spec_hash}
    return Prepared(experiment, source, hashes)


def statistics_of(prepared: Prepared) -> Statistics:
    """The statistics of the training split that the design needs."""
    data, source, spec = prepared.experiment.data, prepared.source, prepared.experiment.design
    found = moments(data, source)
    # what determines a basis beyond the data: the key under which its statistics are cached
    name = json.dumps(spec.basis.model_dump(), sort_keys=True)
    whitened = isinstance(spec.prior, DataVariancePrior)
    scale = spec.prior.scale if isinstance(spec.prior, IsotropicPrior) else 1.0

    def variance(forward: Forward) -> np.ndarray:
        return component_variance(data, source, forward, name)

    def extremes(forward: Forward) -> tuple[float, float]:
        low, high = extreme_variances(data, source, forward, name, whitened=whitened)
        return low / scale**2, high / scale**2

    try:
        return Design(spec, source.shape).statistics(found.mean, found.averaged, variance, extremes)
    except ValueError as error:
        raise Refused(str(error)) from None


def gaussian_baseline(prepared: Prepared, images: Images) -> float | None:
    """Bits/dim of some images under the Gaussian fitted to the training split: what a model must beat.

    None where the covariance is too large to be formed, or singular.
    """
    source = prepared.source
    bits = gaussian_bits_per_dim(moments(prepared.experiment.data, source), images.pixels, source.levels)
    return None if bits is None else float(bits.mean())
