"""The φ⁴ field against what is known of it without any Monte Carlo, and against another Monte Carlo."""

import numpy as np
import pytest

from gudspec.data import open_source
from gudspec.data.sources import lattice_field
from gudspec.data.sources.lattice_field import action, force, gap_mass_squared
from gudspec.spec.models.data import LatticeField

SIGMAS = 4.5
"""Errors of a mean that a deviation may have."""


def drawn(**fields):
    """Images [n, size, size], in float64."""
    source = open_source(LatticeField(kind="lattice_field", **{"sweeps": 3, "warmup": 50} | fields))
    return source.train.pixels[..., 0].astype(float)


def close(samples, expected, correlated=2.0):
    """The mean over the first axis is `expected`, within its error; images of a chain are a little correlated."""
    error = samples.std(0) * np.sqrt(correlated / len(samples))
    np.testing.assert_array_less(np.abs(samples.mean(0) - expected), SIGMAS * error)


@pytest.mark.parametrize(("size", "mass_squared"), [(8, 0.3), (5, 2.0)])
def test_free_field_has_the_spectrum_of_its_propagator(size, mass_squared):
    """⟨|φ_k|²⟩ = 1/(k̂² + m²) with k̂² = Σ 4 sin²(k/2), and the modes are Gaussian."""
    phi = drawn(size=size, mass_squared=mass_squared, coupling=0.0, count=4_000)
    modes = np.abs(np.fft.fft2(phi, norm="ortho")) ** 2
    k = 2 * np.pi * np.fft.fftfreq(size)
    propagator = 1 / (2 * (2 - np.cos(k)[:, None] - np.cos(k)) + mass_squared)
    close(modes, propagator)
    assert modes.mean(0)[0, 0] / propagator[0, 0] == pytest.approx(1, abs=0.1)
    kurtosis = (phi**4).mean() / (phi**2).mean() ** 2
    assert kurtosis == pytest.approx(3, abs=0.1)


def test_correlations_of_the_free_field_are_the_inverse_of_its_action():
    """S = ½ φᵀAφ with A written out as a matrix: the covariance is A⁻¹."""
    size, mass_squared = 4, 0.7
    shift = np.roll(np.eye(size), 1, axis=1)
    line = 2 * np.eye(size) - shift - shift.T
    matrix = np.kron(line, np.eye(size)) + np.kron(np.eye(size), line) + mass_squared * np.eye(size**2)
    phi = drawn(size=size, mass_squared=mass_squared, coupling=0.0, count=4_000).reshape(-1, size**2)
    np.testing.assert_allclose(action(phi.reshape(-1, size, size), mass_squared, 0.0)[:9],
                               0.5 * np.einsum("ni,ij,nj->n", phi[:9], matrix, phi[:9]), rtol=1e-9)  # fmt: skip
    close(np.einsum("ni,nj->nij", phi, phi), np.linalg.inv(matrix))


@pytest.mark.parametrize(("mass_squared", "coupling"), [(-1.2, 1.0), (-0.5, 0.5), (0.4, 3.0)])
def test_equation_of_motion(mass_squared, coupling):
    """⟨φ_x ∂S/∂φ_y⟩ = δ_xy (Schwinger–Dyson) fixes every term of the action."""
    phi = drawn(size=8, mass_squared=mass_squared, coupling=coupling, count=4_000)
    pull = force(phi, mass_squared, coupling)
    close(-(phi * pull).mean((1, 2)), 1.0)
    close(-(phi * np.roll(pull, 1, axis=1)).mean((1, 2)), 0.0)


def test_force_is_minus_the_gradient_of_the_action():
    rng = np.random.default_rng(0)
    phi, direction = rng.normal(size=(2, 3, 6, 6))
    ahead, behind = (action(phi + step * direction, -0.8, 1.7) for step in (1e-5, -1e-5))
    np.testing.assert_allclose((behind - ahead) / 2e-5, (force(phi, -0.8, 1.7) * direction).sum((1, 2)), rtol=1e-6)


@pytest.mark.parametrize(("mass_squared", "symmetric"), [(-1.0, True), (-2.5, False)])
def test_sign_symmetry(mass_squared, symmetric):
    """φ → −φ leaves the density alone: odd moments vanish, also where each image has a sign."""
    phi = drawn(size=8, mass_squared=mass_squared, coupling=1.0, count=2048)
    mean = phi.mean((1, 2))
    close(mean, 0.0, correlated=2.0 if symmetric else 2048 / 128)  # a chain that has ordered keeps its sign
    close((phi**3).mean((1, 2)), 0.0, correlated=2.0 if symmetric else 2048 / 128)
    binder = 1 - (mean**4).mean() / (3 * (mean**2).mean() ** 2)
    assert binder < 0.45 if symmetric else binder > 0.6  # 0 without order, 2/3 with


def test_agrees_with_metropolis_on_a_checkerboard():
    """Another algorithm: single sites, even ones and odd ones in turn, and no Fourier transform anywhere."""
    size, mass_squared, coupling, chains = 4, -1.0, 1.5, 2000
    rng = np.random.default_rng(1)
    phi = rng.normal(size=(chains, size, size))
    parity = np.indices((size, size)).sum(0) % 2

    def local(values, neighbours):
        return (2 + mass_squared / 2) * values**2 - values * neighbours + coupling / 4 * values**4

    for _ in range(100):
        for color in (0, 1):
            neighbours = sum(np.roll(phi, shift, axis) for shift in (-1, 1) for axis in (1, 2))
            proposed = phi + rng.uniform(-1.5, 1.5, phi.shape)
            worse = local(proposed, neighbours) - local(phi, neighbours)
            phi = np.where((parity == color) & (rng.exponential(size=phi.shape) > worse), proposed, phi)

    ours = drawn(size=size, mass_squared=mass_squared, coupling=coupling, count=4_000)
    for moment in (
        lambda x: (x**2).mean((1, 2)),
        lambda x: (x**4).mean((1, 2)),
        lambda x: (x * np.roll(x, 1, axis=1)).mean((1, 2)),
        lambda x: x.mean((1, 2)) ** 2,
    ):
        one, other = moment(phi), moment(ours)
        error = np.sqrt(one.var() / len(one) + 2 * other.var() / len(other))
        assert abs(one.mean() - other.mean()) < SIGMAS * error


@pytest.mark.parametrize(
    ("size", "mass_squared", "coupling"),
    [(32, -1.2, 1.0), (64, -1.2, 1.0), (8, -100.0, 1.0), (8, -100.0, 100.0), (8, 100.0, 0.0), (8, 0.0, 100.0)],
)
def test_most_trajectories_are_accepted(size, mass_squared, coupling):
    spec = LatticeField(kind="lattice_field", size=size, mass_squared=mass_squared, coupling=coupling)
    rng = np.random.default_rng(0)
    inertia = lattice_field.lattice_momenta(size)[:, : size // 2 + 1] + gap_mass_squared(spec)
    phi, moved = next(lattice_field._states(spec.model_copy(update={"warmup": 9, "sweeps": 1}), rng))[:8], []
    for _ in range(12):
        after = lattice_field._trajectory(phi, inertia, spec, rng)
        moved.append((after != phi).any((1, 2)).mean())
        phi = after
    assert np.mean(moved) > 0.6


def test_gap_equation():
    assert gap_mass_squared(LatticeField(kind="lattice_field", mass_squared=0.6, coupling=0.0)) == pytest.approx(0.6)
    spec = LatticeField(kind="lattice_field", size=8, mass_squared=-1.2, coupling=1.0)
    found = gap_mass_squared(spec)
    k = 4 * np.sin(np.pi * np.arange(8) / 8) ** 2
    assert found == pytest.approx(1.2 + 3 * np.mean(1 / (k[:, None] + k + found)))


def test_is_kept(tmp_path, monkeypatch):
    spec = LatticeField(kind="lattice_field", size=4, count=8)
    first = open_source(spec)
    monkeypatch.setattr(lattice_field, "_draw", None)
    again = open_source(spec)
    np.testing.assert_array_equal(first.train.pixels, again.train.pixels)
    assert (again.levels, again.train.pixels.dtype, again.shape, len(again.test)) == (None, np.float32, (4, 4, 1), 2)
