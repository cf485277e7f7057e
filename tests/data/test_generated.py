"""The sources of known density, and the validation split."""

import hashlib
from typing import get_args

import numpy as np
import pytest
from scipy import stats

from gudspec.data import DataError, Images, Source, open_source, splits
from gudspec.data.sources.gaussian_field import field_covariance, field_spectrum
from gudspec.data.sources.gaussian_mixture import mixture_means
from gudspec.spec.models.data import Data, Digits, GaussianField, GaussianMixture, LatticeField


@pytest.mark.parametrize("size", [5, 6])
def test_gaussian_field_has_its_covariance(size):
    spec = GaussianField(kind="gaussian_field", size=size, channels=2, exponent=2.5, variance=0.3, count=60_000)
    source = open_source(spec)
    covariance = field_covariance(spec)
    drawn = source.train.pixels.reshape(spec.count, -1).astype(np.float64)
    # The error of an empirical covariance entry is at most var·√(2/n).
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=5 * 0.3 * np.sqrt(2 / spec.count))
    np.testing.assert_allclose(drawn.mean(0), 0, atol=5 * np.sqrt(0.3 / spec.count))
    np.testing.assert_allclose(np.diag(covariance), 0.3)
    kurtosis = stats.kurtosis(drawn.ravel())
    assert abs(kurtosis) < 0.05
    assert (source.levels, source.train.pixels.dtype, len(source.test)) == (None, np.float32, 15_000)


def test_gaussian_field_spectrum_is_the_power_law_and_the_eigenvalues():
    spec = GaussianField(kind="gaussian_field", size=6, exponent=2.0)
    spectrum = field_spectrum(spec)
    assert spectrum.mean() == pytest.approx(spec.variance)
    assert spectrum[0, 0] == spectrum[0, 1] == spectrum[-1, 0]
    assert spectrum[0, 1] / spectrum[2, -2] == pytest.approx(8.0)
    np.testing.assert_allclose(np.linalg.eigvalsh(field_covariance(spec)), np.sort(spectrum.ravel()))


def test_gaussian_mixture_has_its_means_and_spread():
    spec = GaussianMixture(kind="gaussian_mixture", size=3, modes=5, spread=0.2, count=5_000)
    source, means = open_source(spec), mixture_means(spec)
    assert means.shape == (5, 3, 3, 1)
    assert source.classes == 5
    residual = source.train.pixels - means[source.train.labels]
    assert residual.std() == pytest.approx(0.2, rel=0.02)
    assert abs(residual.mean()) < 0.005
    assert np.bincount(source.train.labels).min() > 850


@pytest.mark.parametrize("model", [GaussianField, GaussianMixture, LatticeField])
def test_generated_sources_follow_their_seed(model):
    (kind,) = get_args(model.model_fields["kind"].annotation)
    first, again, other = (open_source(model(kind=kind, size=4, count=8, seed=seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train.pixels, again.train.pixels)
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint
    assert not np.array_equal(first.train.pixels, other.train.pixels)
    assert not np.array_equal(first.train.pixels[: len(first.test)], first.test.pixels)


@pytest.mark.parametrize("model", [GaussianField, LatticeField])
def test_more_images_are_the_same_images_and_more(model):
    (kind,) = get_args(model.model_fields["kind"].annotation)
    few, many = (open_source(model(kind=kind, size=4, count=count)) for count in (8, 300))
    np.testing.assert_array_equal(few.train.pixels, many.train.pixels[:8])


# ── fingerprints ────────────────────────────────────────────────────────────────────────────────────


def toy(n=10, **fields):
    pixels = np.arange(n * 4, dtype=np.uint8).reshape(n, 2, 2, 1)
    given = {"train": Images(pixels, np.arange(n, dtype=np.int32)), "test": Images(pixels[:2]), "levels": 256}
    return Source.of(**(given | fields))


def test_fingerprint_covers_everything():
    base = toy()
    pixels, labels = base.train.pixels, base.train.labels
    changed = pixels.copy()
    changed[-1, -1, -1, -1] += 1
    variants = [
        toy(train=Images(changed, labels)),
        toy(train=Images(pixels, labels[::-1].copy())),
        toy(train=Images(pixels)),
        toy(train=Images(pixels.reshape(10, 4, 1, 1), labels)),
        toy(test=base.train),
        toy(validation=base.test),
        toy(levels=128),
        toy(identity="drawn"),
    ]
    assert len({source.fingerprint for source in [base, *variants]}) == 1 + len(variants)
    assert toy().fingerprint == base.fingerprint
    assert toy(identity="drawn").fingerprint == hashlib.sha256(b"drawn").hexdigest()


# ── validation ──────────────────────────────────────────────────────────────────────────────────────


def data(validation):
    return Data(source=Digits(kind="digits"), validation=validation)


def test_validation_is_carved_off_the_training_images():
    source = toy()
    carved = splits(data(0.3), source)
    assert (len(carved.train), len(carved.validation)) == (7, 3)
    labels = [*carved.train.labels, *carved.validation.labels]
    assert sorted(labels) == list(range(10))
    assert list(carved.validation.labels) == sorted(carved.validation.labels) != [7, 8, 9]
    np.testing.assert_array_equal(carved.train.pixels, source.train.pixels[carved.train.labels])
    assert carved.test is source.test
    assert len({source.fingerprint, carved.fingerprint, splits(data(0.2), source).fingerprint}) == 3


def test_validation_leaves_alone_what_needs_none():
    published = toy(validation=toy().test)
    assert splits(data(0.5), published) is published
    plain = toy()
    assert splits(data(0.0), plain) is plain


@pytest.mark.parametrize("fraction", [0.01, 0.99])
def test_validation_that_empties_a_split(fraction):
    with pytest.raises(DataError, match="of 10 training images holds out") as caught:
        splits(data(fraction), toy())
    assert (caught.value.code, caught.value.field) == ("GUD403", "data.validation")
