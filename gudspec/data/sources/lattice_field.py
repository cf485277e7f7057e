"""A scalar field with φ⁴ interaction on a periodic square lattice, sampled by hybrid Monte Carlo."""

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from gudspec.data.cache import cached_path, remember
from gudspec.data.source import Images, Source
from gudspec.spec.models.data import LatticeField

__all__ = ["action", "force", "gap_mass_squared", "lattice_momenta", "read"]

_CHAINS = 128
"""Chains that run side by side."""
_STEPS = 8
"""Leapfrog steps of a trajectory, on lattices of up to 32 × 32."""
_LENGTH = np.pi / 2
"""Length of a trajectory: a quarter of the period that every mode of a free field has."""


def lattice_momenta(size: int) -> np.ndarray:
    """k̂² = Σ_μ 4 sin²(π n_μ / size), the eigenvalues of the lattice's −Δ: [size, size], indexed like `numpy.fft.fft2`.

    >>> lattice_momenta(4).max()
    np.float64(8.0)
    """
    squares = 4 * np.sin(np.pi * np.arange(size) / size) ** 2
    momenta: np.ndarray = squares[:, None] + squares
    return momenta


def action(phi: np.ndarray, mass_squared: float, coupling: float) -> np.ndarray:
    """S = Σ_x ½ Σ_μ (φ_(x+μ) − φ_x)² + ½ m² φ_x² + ¼ λ φ_x⁴, of which e^(−S) is the density.

    Args:
        phi: fields [n, size, size].
        mass_squared: m².
        coupling: λ.

    Returns:
        [n].
    """
    steps = sum((np.roll(phi, -1, axis) - phi) ** 2 for axis in (1, 2))
    total: np.ndarray = (0.5 * (steps + mass_squared * phi**2) + 0.25 * coupling * phi**4).sum((1, 2))
    return total


def force(phi: np.ndarray, mass_squared: float, coupling: float) -> np.ndarray:
    """−∂S/∂φ = Δφ − m²φ − λφ³, [n, size, size] like `phi`."""
    neighbours = sum(np.roll(phi, shift, axis) for shift in (-1, 1) for axis in (1, 2))
    pull: np.ndarray = neighbours - (4 + mass_squared) * phi - coupling * phi**3
    return pull


def gap_mass_squared(spec: LatticeField) -> float:
    """The M² of a free field that moves much like the interacting one: M² = |m²| + 3λ ⟨φ²⟩, ⟨φ²⟩ = mean of 1/(k̂² + M²).

    It sets how fast each mode moves, never what is sampled. The left side rises with M² and the right side falls, so
    that they cross once. It is |m²|, since the field also has a curvature of that order where it has ordered.
    """
    momenta, bare = lattice_momenta(spec.size), abs(spec.mass_squared)
    low, high = 0.0, bare + 3 * spec.coupling + 4.0
    for _ in range(60):
        middle = (low + high) / 2
        wanted = bare + 3 * spec.coupling * (1 / (momenta + middle)).mean()
        low, high = (middle, high) if middle < wanted else (low, middle)
    return high


def read(spec: LatticeField) -> Source:
    """`count` training fields and a quarter as many for testing, float32 [n, size, size, 1], from chains of their own.

    They are kept in the cache: small lattices take seconds, those of hundreds of sites a side minutes.
    """
    identity = spec.model_dump_json()
    kept = remember(cached_path("lattice_field", identity), lambda: _draw(spec))
    return Source.of(Images(kept["train"]), Images(kept["test"]), levels=None, identity=identity)


def _draw(spec: LatticeField) -> dict[str, np.ndarray]:
    counts = {"train": spec.count, "test": max(1, spec.count // 4)}
    found = {}
    for stream, (name, count) in enumerate(counts.items()):
        states = islice(_states(spec, np.random.default_rng([spec.seed, stream])), -(-count // _CHAINS))
        found[name] = np.concatenate(list(states))[:count, ..., None].astype(np.float32)
    return found


def _states(spec: LatticeField, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """All chains, [chains, size, size], after the warm-up and then after every `sweeps` trajectories."""
    inertia = lattice_momenta(spec.size)[:, : spec.size // 2 + 1] + gap_mass_squared(spec)
    minimum = math.sqrt(max(0.0, -spec.mass_squared) / spec.coupling) if spec.coupling else 0.0
    noise = _filtered(rng.standard_normal((_CHAINS, spec.size, spec.size)), inertia**-0.5)
    phi = minimum * rng.choice([-1.0, 1.0], (_CHAINS, 1, 1)) + noise
    for _ in range(spec.warmup):
        phi = _trajectory(phi, inertia, spec, rng)
    while True:
        for _ in range(spec.sweeps):
            phi = _trajectory(phi, inertia, spec, rng)
        yield phi


def _trajectory(phi: np.ndarray, inertia: np.ndarray, spec: LatticeField, rng: np.random.Generator) -> np.ndarray:
    """One update: new momenta, motion along S + ½ πK⁻¹π by leapfrog, and Metropolis' test, which makes it exact.

    With the inertia K = k̂² + M² long waves move as fast as short ones, so that there is little critical slowing down
    (Fourier acceleration, Batrouni et al., Phys. Rev. D 32, 2736).
    """
    mass_squared, coupling = spec.mass_squared, spec.coupling
    start, momentum = phi, _filtered(rng.standard_normal(phi.shape), np.sqrt(inertia))
    before = action(start, mass_squared, coupling) + _kinetic(momentum, inertia)
    steps = math.ceil(_STEPS * max(1.0, spec.size / 32) ** 0.5)  # as many are accepted on all lattices
    step = _LENGTH / steps * rng.uniform(0.7, 1.3)  # no mode may return to where it was, time and again
    momentum = momentum + step / 2 * force(phi, mass_squared, coupling)
    for index in range(steps):
        phi = phi + step * _filtered(momentum, 1 / inertia)
        last = index == steps - 1
        momentum = momentum + (step / 2 if last else step) * force(phi, mass_squared, coupling)
    after = action(phi, mass_squared, coupling) + _kinetic(momentum, inertia)
    accepted = rng.exponential(size=len(phi)) > after - before
    return np.where(accepted[:, None, None], phi, start)


def _filtered(field: np.ndarray, multiplier: np.ndarray) -> np.ndarray:
    """A field [n, size, size] whose Fourier modes are multiplied by [size, size // 2 + 1]."""
    result: np.ndarray = np.fft.irfft2(np.fft.rfft2(field) * multiplier, field.shape[1:])
    return result


def _kinetic(momentum: np.ndarray, inertia: np.ndarray) -> np.ndarray:
    """½ πK⁻¹π, [n]."""
    energy: np.ndarray = 0.5 * (momentum * _filtered(momentum, 1 / inertia)).sum((1, 2))
    return energy
