"""Every basis: an orthogonal map, equal to its independent reference."""

import jax.numpy as jnp
import numpy as np
import pytest
import pywt
import scipy.fft

from gudspec.process import bases

SHAPES = [(8, 8, 1), (8, 16, 3), (32, 32, 3)]


NAMES = ["pixel", "pca", "pca-mixed", "fourier", "dct", "haar", "matrix", "matrix-mixed"]
COLORED = [f"color-{name}" for name in NAMES if not name.endswith("mixed")]


def axes(size: int) -> np.ndarray:
    """Any orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]


def make(name: str, shape: tuple[int, int, int], dtype: type = float, xp=np) -> bases.Basis:
    if name.startswith("color-"):
        return bases.Color(make(name.removeprefix("color-"), shape, dtype, xp))
    kind, _, mixed = name.partition("-")
    if kind in ("pca", "matrix"):
        size = shape[0] * shape[1] * (shape[2] if mixed else 1)
        matrix = xp.asarray(axes(size), dtype=dtype)
        return bases.Pca(matrix) if kind == "pca" else bases.Matrix(matrix)
    return {"pixel": bases.Pixel(), "fourier": bases.Fourier(shape), "dct": bases.Dct(), "haar": bases.Haar(3)}[kind]


@pytest.fixture(params=[*NAMES, *COLORED])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 16, 3), (16, 16, 3)], ids=str)
def test_inverse_and_norm(name: str, shape: tuple[int, int, int]) -> None:
    if name.startswith("color") and shape[2] != 3:
        return
    basis = make(name, shape)
    x = np.random.default_rng(0).normal(size=(5, *shape))
    components = basis.forward(x)
    assert components.shape == x.shape
    np.testing.assert_allclose(basis.inverse(components), x, atol=1e-10)
    np.testing.assert_allclose((components**2).sum((1, 2, 3)), (x**2).sum((1, 2, 3)), rtol=1e-10)


@pytest.mark.parametrize("shape", [(8, 8, 1), (8, 16, 3)], ids=str)
def test_white_noise_stays_white(name: str, shape: tuple[int, int, int]) -> None:
    """The matrix of the whole map is orthogonal: the covariance of transformed white noise is the identity."""
    if name.startswith("color") and shape[2] != 3:
        return
    size = int(np.prod(shape))
    matrix = make(name, shape).forward(np.eye(size).reshape(size, *shape)).reshape(size, size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-10)


def test_one_formula_in_both_namespaces(name: str) -> None:
    shape = (32, 32, 3)
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    basis, on_device = make(name, shape, np.float32), make(name, shape, np.float32, jnp)
    for ours, theirs in ((basis.forward, on_device.forward), (basis.inverse, on_device.inverse)):
        result = theirs(jnp.asarray(x))
        assert result.dtype == ours(x).dtype == jnp.float32
        np.testing.assert_allclose(result, ours(x), atol=1e-5)


def test_groups_partition_the_components(name: str) -> None:
    """Numbered without gaps, of one channel each; only Fourier pairs belong together."""
    shape = (8, 8, 3)
    groups = make(name, shape).groups(shape)
    assert set(groups.index.ravel()) == set(range(groups.count))
    assert groups.count == (3 * 34 if "fourier" in name else 192)
    assert groups.over_colors().count == groups.count // 3


@pytest.mark.parametrize("shape", [*SHAPES, (5, 7, 2), (1, 3, 1), (2, 1, 1)], ids=str)
def test_dct_is_scipy_dctn(shape: tuple[int, int, int]) -> None:
    x = np.random.default_rng(0).normal(size=(2, *shape))
    expected = scipy.fft.dctn(x, axes=(1, 2), norm="ortho")
    np.testing.assert_allclose(bases.Dct().forward(x), expected, atol=1e-12)
    np.testing.assert_allclose(bases.Dct().inverse(expected), x, atol=1e-12)
    for xp in (np, jnp):
        single = bases.Dct().forward(xp.asarray(x, dtype=np.float32))
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, expected, atol=1e-5)


def test_dct_frequencies_count_the_cycles_of_each_cosine() -> None:
    """A cosine of 2.5 cycles per image has all its energy in the component that is said to have them."""
    shape = (16, 16, 1)
    position = (np.arange(16) + 0.5) / 16
    x = np.cos(2 * np.pi * 2.5 * position)[:, None, None] * np.ones(shape)
    energy = np.abs(bases.Dct().forward(x)) > 1e-9
    np.testing.assert_array_equal(bases.cosine_frequencies(shape)[energy], [2.5])


def test_color_is_luma_and_opponents() -> None:
    np.testing.assert_allclose(bases.OPPONENT @ bases.OPPONENT.T, np.eye(3), atol=1e-15)
    grey = np.repeat(np.random.default_rng(0).normal(size=(8, 8, 1)), 3, -1)
    components = bases.Color(bases.Haar(2)).forward(grey)
    np.testing.assert_allclose(components[..., 1:], 0, atol=1e-14)
    np.testing.assert_allclose(components[..., :1], np.sqrt(3) * bases.Haar(2).forward(grey[..., :1]), atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_fourier_is_numpy_fft_up_to_packing(shape: tuple[int, int, int]) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    spectrum = np.fft.fft2(x, axes=(0, 1), norm="ortho")
    components = bases.Fourier(shape).forward(x)
    height, width, _ = shape
    seen = set()
    for row in range(height):
        for column in range(width):
            other = (-row % height, -column % width)
            if (row, column) in seen:
                continue
            seen |= {(row, column), other}
            if other == (row, column):
                np.testing.assert_allclose(components[row, column], spectrum[row, column].real, atol=1e-10)
            else:
                np.testing.assert_allclose(components[row, column], np.sqrt(2) * spectrum[row, column].real, atol=1e-10)
                np.testing.assert_allclose(components[other], np.sqrt(2) * spectrum[other].imag, atol=1e-10)


def test_fourier_pairs_share_a_group_and_a_frequency() -> None:
    shape = (8, 8, 2)
    groups, k = bases.Fourier(shape).groups(shape), bases.frequencies(shape)
    assert groups.count == 2 * (4 + (64 - 4) // 2)  # four frequencies are their own partner
    for group in range(groups.count):
        assert np.ptp(k[groups.index == group]) == 0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_haar_is_pywavelets(shape: tuple[int, int, int], levels: int) -> None:
    x = np.random.default_rng(0).normal(size=shape)
    components = bases.Haar(levels).forward(x)
    low, *details = pywt.wavedec2(x, "haar", level=levels, axes=(0, 1))
    height, width = low.shape[:2]
    np.testing.assert_allclose(components[:height, :width], low, atol=1e-10)
    for horizontal, vertical, diagonal in details:  # from the coarsest
        np.testing.assert_allclose(components[:height, width : 2 * width], vertical, atol=1e-10)  # LH
        np.testing.assert_allclose(components[height : 2 * height, :width], horizontal, atol=1e-10)  # HL
        np.testing.assert_allclose(components[height : 2 * height, width : 2 * width], diagonal, atol=1e-10)
        height, width = 2 * height, 2 * width


def test_haar_low_pass_is_the_averaged_image() -> None:
    """LL(n) is 2ⁿ times the n-fold averaged image."""
    x = np.random.default_rng(0).normal(size=(8, 8, 1))
    averaged = x.reshape(2, 4, 2, 4, 1).mean((1, 3))
    np.testing.assert_allclose(bases.Haar(2).forward(x)[:2, :2], 4 * averaged, atol=1e-10)


def test_wavelet_layout_follows_the_bands() -> None:
    """Level and column labels agree with where the energy of a shifted detail goes."""
    shape, levels = (16, 16, 1), 3
    level, column = bases.wavelet_levels(shape, levels), bases.wavelet_columns(shape, levels)
    assert [int((level == i).sum()) for i in range(4)] == [4, 12, 48, 192]
    for n, i in ((1, 3), (2, 2), (3, 1)):  # n-th level of App. D, i-th of ours
        x = np.zeros(shape)
        x[0, 5] = 1.0
        components = bases.Haar(levels).forward(x)
        support = (np.abs(components) > 1e-12) & (level == i)
        assert set(column[support]) == {5 >> n}


def test_pca_diagonalizes_the_averaged_covariance() -> None:
    rng = np.random.default_rng(0)
    covariance = np.cov(rng.normal(size=(16, 200)) * np.arange(1, 17)[:, None])
    axes = bases.principal_axes(covariance)
    diagonal = axes @ covariance @ axes.T
    np.testing.assert_allclose(diagonal, np.diag(np.diag(diagonal)), atol=1e-9)
    assert np.all(np.diff(np.diag(diagonal)) <= 1e-9)


def test_pca_of_mixed_colours_leaves_no_correlation() -> None:
    shape = (4, 4, 3)
    images = np.random.default_rng(0).normal(size=(200, 48)) @ np.random.default_rng(1).normal(size=(48, 48))
    basis = bases.Pca(bases.principal_axes(np.cov(images.T)))
    left = np.cov(basis.forward(images.reshape(-1, *shape)).reshape(-1, 48).T)
    np.testing.assert_allclose(left, np.diag(np.diag(left)), atol=1e-9)
