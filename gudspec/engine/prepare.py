"""Data and statistics, before any device is touched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gudspec import known
from gudspec.data import Images, Source, open_source, splits
from gudspec.data.autoencoder import trained_autoencoder
from gudspec.data.statistics import Forward, component_variance, extreme_variances, gaussian_bits_per_dim, moments
from gudspec.data.tables import read_tables
from gudspec.errors import Refused
from gudspec.program.design import Design, Statistics
from gudspec.spec.identity import design_hash
from gudspec.spec.models import Experiment
from gudspec.spec.models.autoencoders import Elbo
from gudspec.spec.models.base import Model
from gudspec.spec.models.bases import PcaBasis, spatial
from gudspec.spec.models.priors import IsotropicPrior
from gudspec.spec.resolved import dump
from gudspec.spec.stage import learned_stage

__all__ = ["Prepared", "gaussian_baseline", "open_data", "statistics_of"]


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment with its data."""

    experiment: Experiment
    source: Source
    hashes: dict[str, str]
    """`design_hash`: what the result depends on; `spec_hash`: the resolved spec as a whole."""
    files: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What the design takes from files, by the names of `read_tables`."""
    autoencoder: tuple[Experiment, str] | None = None
    """Of a learned stage, the spec of its autoencoder and the digest of its parameters."""


def open_data(experiment: Experiment) -> Prepared:
    """Opens the source of an experiment, and reads the files that its design names.

    Raises:
        DataError: the images, the files or the autoencoder are missing or unusable.
    """
    opened, stage = open_source(experiment.data.source), learned_stage(experiment.design)
    source = splits(experiment.data, opened)
    spec_hash = hashlib.sha256(dump(experiment).encode()).hexdigest()
    files = read_tables(experiment.design, source.shape)
    autoencoder = trained_autoencoder(stage, opened) if stage else None
    fingerprint = "".join([source.fingerprint, *map(_content, files.values()), *(autoencoder or ())[1:]])
    hashes = {"design_hash": design_hash(experiment, fingerprint), "spec_hash": spec_hash}
    return Prepared(experiment, source, hashes, files, autoencoder)


def statistics_of(prepared: Prepared) -> Statistics:
    """The statistics of the training split that the design needs."""
    data, source, spec = prepared.experiment.data, prepared.source, prepared.experiment.design
    found = moments(data, source)
    if isinstance(prepared.experiment.objective, Elbo):  # nothing is noised: the mean is all that counts
        mean = np.asarray(found.mean, np.float32)
        return Statistics(mean, np.zeros((0, 0), np.float32), np.ones_like(mean), np.ones(2, np.float32))
    basis = spatial(spec.basis)
    mixed = isinstance(basis, PcaBasis) and basis.colors == "mixed"

    def variance(forward: Forward) -> np.ndarray:
        return component_variance(data, source, forward, _name(prepared, spec.basis, "axes"))

    def extremes(diffused: Forward) -> tuple[float, float] | None:
        if isinstance(spec.prior, IsotropicPrior):  # χ has the eigenvalues of the images: no basis has to be tried
            known = extreme_variances(data, source)
            return known and (known[0] / spec.prior.scale**2, known[1] / spec.prior.scale**2)
        name = _name(prepared, spec.basis, "axes") + _name(prepared, spec.prior, "scale")
        return extreme_variances(data, source, diffused, name)

    try:
        statistics = Design(spec, source.shape).statistics(
            found.mean, found.covariance if mixed else found.averaged, variance, extremes, prepared.files
        )
    except ValueError as error:
        raise Refused(str(error)) from None
    known.keep(prepared.experiment, statistics._asdict())  # so that the linter may know them
    return statistics


def _name(prepared: Prepared, part: Model, file: str) -> str:
    """What determines a basis or a prior beyond the data: the key under which its statistics are cached."""
    named = json.dumps(part.model_dump(), sort_keys=True)
    return named + (_content(prepared.files[file]) if file in prepared.files else "")


def _content(array: np.ndarray) -> str:
    return hashlib.sha256(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes()).hexdigest()


def gaussian_baseline(prepared: Prepared, images: Images) -> float | None:
    """Bits/dim of some images under the Gaussian fitted to the training split: what a model must beat.

    None where the covariance is too large to be formed, or singular.
    """
    source = prepared.source
    bits = gaussian_bits_per_dim(moments(prepared.experiment.data, source), images.pixels, source.levels)
    if bits is not None and source.encoded is not None and source.encoded.sampled:
        bits = source.encoded.bits_of_images(bits, images)
    return None if bits is None else float(bits.mean())
