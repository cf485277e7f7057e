"""Moments against numpy.cov of images that were really dequantized, and the laws of their cache."""

import numpy as np
import pytest
from scipy import stats

from gudspec.data import Images, Source, open_source, statistics
from gudspec.data.cache import cached_path, folder, remember
from gudspec.data.statistics import (
    component_covariance,
    component_variance,
    extreme_eigenvalues,
    extreme_variances,
    gaussian_bits_per_dim,
    moments,
    moments_path,
)
from gudspec.process.dequantize import scale
from gudspec.spec.models.data import Data, Digits

SHAPE = (3, 4, 2)
SIZE = 24


def toy(levels=4, n=50, seed=0):
    """Correlated quantized images with a tilted mean."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((SIZE, SIZE)) / 4
    x = rng.standard_normal((n + 20, SIZE)) @ mixing + np.linspace(-1, 1, SIZE)
    pixels = np.clip((x + 2) * levels / 4, 0, levels - 1).astype(np.uint8).reshape(-1, *SHAPE)
    return Source.of(Images(pixels[:n]), Images(pixels[n:]), levels=levels)


def data(dequantize="uniform", flip="none", validation=0.0):
    return Data(source=Digits(kind="digits"), dequantize=dequantize, flip=flip, validation=validation)


def dequantized(images, levels, repeats, flip=False, seed=1):
    """float64 [repeats·n (·2), …]: what training sees, drawn."""
    u = np.random.default_rng(seed).random((repeats, *images.pixels.shape))
    x = scale(images.pixels, levels, u).reshape(-1, *images.shape)
    return np.concatenate([x, x[:, :, ::-1]]) if flip else x


@pytest.fixture
def orthogonal():
    """A random orthonormal basis that returns components in a layout of its own."""
    matrix = np.linalg.qr(np.random.default_rng(3).standard_normal((SIZE, SIZE)))[0]
    return matrix, lambda x: (x.reshape(len(x), SIZE) @ matrix.T).reshape(len(x), 6, 4)


@pytest.mark.parametrize("flip", ["none", "horizontal"])
@pytest.mark.parametrize("chunk", [7, 1024])
def test_moments_are_those_of_dequantized_images(flip, chunk, monkeypatch):
    monkeypatch.setattr(statistics, "_CHUNK", chunk)
    source = toy()
    found = moments(data(flip=flip), source)
    x = dequantized(source.train, 4, 4000, flip == "horizontal").reshape(-1, SIZE)
    np.testing.assert_allclose(found.mean.ravel(), x.mean(0), atol=2e-3)
    np.testing.assert_allclose(found.covariance, np.cov(x.T), atol=2e-3)
    gray = x.reshape(len(x), -1, SHAPE[-1]).mean(-1)
    np.testing.assert_allclose(found.averaged, np.cov(gray.T), atol=2e-3)
    assert found.count == (50 if flip == "none" else 100)
    assert found.mean.shape == SHAPE


@pytest.mark.parametrize("flip", ["none", "horizontal"])
def test_moments_of_bin_centres_are_exact(flip):
    source = toy()
    found = moments(data("none", flip), source)
    x = scale(source.train.pixels, 4, 0.5)
    x = (np.concatenate([x, x[:, :, ::-1]]) if flip == "horizontal" else x).reshape(-1, SIZE)
    np.testing.assert_allclose(found.mean.ravel(), x.mean(0), atol=1e-14)
    np.testing.assert_allclose(found.covariance, np.cov(x.T, bias=True), atol=1e-14)
    assert found.noise == 0


def test_large_images_keep_what_can_be_formed(monkeypatch):
    whole = moments(data(), toy())
    monkeypatch.setattr(statistics, "LARGEST", 12)
    monkeypatch.setenv("GUDSPEC_CACHE", str(folder()) + "-other")
    gray_only = moments(data(), toy())
    assert gray_only.covariance is None
    np.testing.assert_allclose(gray_only.averaged, whole.averaged, atol=1e-14)
    np.testing.assert_allclose(gray_only.mean, whole.mean, atol=1e-14)
    assert gaussian_bits_per_dim(gray_only, toy().test.pixels, 4) is None
    monkeypatch.setattr(statistics, "LARGEST", 3)
    monkeypatch.setenv("GUDSPEC_CACHE", str(folder()) + "-again")
    assert moments(data(), toy()).averaged is None


@pytest.mark.parametrize("flip", ["none", "horizontal"])
@pytest.mark.parametrize("chunk", [7, 1024])
def test_component_variance_is_the_diagonal_of_the_component_covariance(orthogonal, flip, chunk, monkeypatch):
    monkeypatch.setattr(statistics, "_CHUNK", chunk)
    matrix, forward = orthogonal
    source = toy()
    covariance = moments(data(flip=flip), source).covariance
    turned = component_covariance(covariance, SHAPE, forward)
    np.testing.assert_allclose(turned, matrix @ covariance @ matrix.T, atol=1e-14)
    variance = component_variance(data(flip=flip), source, forward, "random")
    assert variance.shape == (6, 4)
    np.testing.assert_allclose(variance.ravel(), np.diag(turned), atol=1e-13)


def test_extreme_eigenvalues(orthogonal):
    matrix, _ = orthogonal
    covariance = matrix.T @ np.diag(np.linspace(0.5, 9, SIZE)) @ matrix
    assert extreme_eigenvalues(covariance) == pytest.approx((0.5, 9))
    halved = extreme_eigenvalues(covariance, np.full((4, 6), 2.0))
    assert halved == pytest.approx((0.125, 2.25))
    smallest, largest = extreme_eigenvalues(np.ones((3, 3)))
    assert 0 < smallest < 1e-14
    assert largest == pytest.approx(3)


def test_extreme_variances_bound_every_direction(orthogonal):
    _, forward = orthogonal
    source = toy()
    plain = extreme_variances(data(), source)
    assert plain == pytest.approx(extreme_eigenvalues(moments(data(), source).covariance))
    turned = component_covariance(moments(data(), source).covariance, SHAPE, forward)
    deviation = np.sqrt(np.diag(turned))
    whitened = extreme_variances(data(), source, lambda x: forward(x) / deviation.reshape(6, 4), "whitened")
    correlation = np.linalg.eigvalsh(turned / deviation / deviation[:, None])
    assert whitened == pytest.approx((correlation[0], correlation[-1]))
    assert whitened[0] < 1 < whitened[1]


def test_extreme_variances_need_a_covariance(monkeypatch):
    monkeypatch.setattr(statistics, "LARGEST", 3)
    assert extreme_variances(data(), toy()) is None


# ── the Gaussian baseline ───────────────────────────────────────────────────────────────────────────


def test_gaussian_bits_per_dim_against_monte_carlo():
    source = toy(n=400)
    fit = moments(data(), source)
    bits = gaussian_bits_per_dim(fit, source.test.pixels, 4)
    x = dequantized(source.test, 4, 20_000).reshape(20_000, len(source.test), SIZE)
    log_density = stats.multivariate_normal(fit.mean.ravel(), fit.covariance).logpdf(x).mean(0)
    np.testing.assert_allclose(bits, -log_density / SIZE / np.log(2) + np.log2(4 / 2), atol=5e-3)


def test_gaussian_bits_per_dim_of_the_training_split_is_the_entropy():
    """On its own data a fitted Gaussian scores ½ log det(2πe C), by the definition of C."""
    source = toy(n=400)
    fit = moments(data(), source)
    entropy = np.linalg.slogdet(2 * np.pi * np.e * fit.covariance)[1] / 2
    bits = gaussian_bits_per_dim(fit, source.train.pixels, 4).mean()
    assert bits == pytest.approx(entropy / SIZE / np.log(2) + 1)


def test_gaussian_bits_per_dim_of_real_values():
    rng = np.random.default_rng(0)
    source = Source.of(
        *(Images(rng.normal(0, 0.5, (n, 2, 2, 1)).astype(np.float32)) for n in (20_000, 2000)), levels=None
    )
    bits = gaussian_bits_per_dim(moments(data(), source), source.test.pixels, None).mean()
    assert bits == pytest.approx(np.log2(0.5 * np.sqrt(2 * np.pi * np.e)), abs=0.02)


def test_no_gaussian_for_a_singular_covariance():
    few = Source.of(Images(np.random.rand(5, 3, 3, 1).astype(np.float32)), Images(np.ones((1, 3, 3, 1))), levels=None)
    assert gaussian_bits_per_dim(moments(data(), few), few.test.pixels, None) is None
    constant = Source.of(Images(np.zeros((50, 2, 2, 1), np.uint8)), Images(np.zeros((1, 2, 2, 1), np.uint8)), levels=4)
    assert gaussian_bits_per_dim(moments(data("none"), constant), constant.test.pixels, 4) is None


def test_the_digits_have_the_known_gaussian():
    source = open_source(Digits(kind="digits"))
    bits = gaussian_bits_per_dim(moments(data(), source), source.test.pixels, 17)
    assert bits.shape == (360,)
    assert bits.mean() == pytest.approx(2.95, abs=2 * bits.std() / np.sqrt(360))


# ── the cache ───────────────────────────────────────────────────────────────────────────────────────


def test_statistics_are_computed_once(monkeypatch, orthogonal):
    first, variance = moments(data(), toy()), component_variance(data(), toy(), orthogonal[1], "random")
    monkeypatch.setattr(statistics, "_centers", None)  # computing again would fail
    second = moments(data(), toy())
    for name in ("mean", "covariance", "averaged"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    np.testing.assert_array_equal(component_variance(data(), toy(), None, "random"), variance)


def test_every_input_has_its_own_file():
    paths = {
        moments_path(data(), toy()),
        moments_path(data("none"), toy()),
        moments_path(data(flip="horizontal"), toy()),
        moments_path(data(), toy(seed=1)),
        moments_path(data(), toy(levels=5)),
    }
    assert len(paths) == 5
    assert moments_path(data(), toy()) in paths
    assert not any(path.exists() for path in paths)
    moments(data(), toy())
    assert moments_path(data(), toy()).exists()


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b"hello", lambda b: b[:-50], lambda b: b[:80] + b"x" + b[81:]]
)
def test_a_corrupt_file_is_replaced(damage):
    path = cached_path("something")
    arrays = {"a": np.arange(1000.0)}
    remember(path, lambda: arrays)
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    np.testing.assert_array_equal(remember(path, lambda: arrays)["a"], arrays["a"])
    np.testing.assert_array_equal(remember(path, None)["a"], arrays["a"])
    assert [file.name for file in folder().iterdir()] == [path.name]  # no temporary files left


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / "file" / "cache"))
    assert moments(data(), toy()).count == 50


def test_the_cache_is_where_the_user_says(tmp_path, monkeypatch):
    monkeypatch.setenv("GUDSPEC_CACHE", str(tmp_path / "here"))
    assert cached_path("x").parent == tmp_path / "here"
    monkeypatch.delenv("GUDSPEC_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder() == tmp_path / ".cache" / "gudspec" / "statistics"
