"""The search for a path: nothing is gained where nothing can be, and what can be gained is found."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.process.bases import Pixel
from gudspec.process.groups import Groups
from gudspec.process.noising import sigma
from gudspec.process.oracles import GaussianMixture
from gudspec.process.orderings import Ordering
from gudspec.process.paths import Knots, Linear, Sequential
from gudspec.process.process import Process
from gudspec.program.search import Region, along, descend, excess, into, region_of

LOW, HIGH = -6.0, 4.0
COLUMNS = 3
SHAPE = (1, COLUMNS, 1)
GROUPS = Groups.columns(SHAPE)


class Columns(Ordering):
    """The first column is generated first."""

    def values(self, parameters):
        return np.arange(COLUMNS, dtype=np.float32)


def process(path, shape=SHAPE) -> Process:
    return Process(Pixel(), np.zeros(shape, np.float32), np.ones(shape, np.float32), np.ones(shape, np.float32), path)


def flawed(error: Callable) -> Callable:
    """The exact denoiser of white data, ε̂ = σχ, and an error on top that depends on the noising state alone.

    What is added is independent of ε − ε̂: the bound grows by ½ ∫ Σ_i error_i² dγ_i.
    """

    def denoise(chi, gamma, condition):
        gamma = jnp.broadcast_to(gamma, (len(gamma), *chi.shape[1:]))
        return sigma(gamma) * chi + error(gamma[:, 0, :, 0])[:, None, :, None]

    return denoise


def batches(batch: int, shape=SHAPE) -> Iterator[tuple]:
    index = 0
    while True:
        chi, noise = jax.random.split(jax.random.fold_in(jax.random.key(1), index))
        yield jax.random.normal(chi, (batch, *shape)), noise
        index += 1


def integral(error: Callable, gamma: np.ndarray) -> float:
    """½ ∫ Σ_i error_i² dγ_i along states [T, G], in NumPy."""
    middle = (gamma[1:] + gamma[:-1]) / 2
    return float(0.5 * (np.asarray(error(middle)) ** 2 * np.diff(gamma, axis=0)).sum())


PATHS = {
    "linear": Linear(GROUPS, LOW, HIGH),
    "columns": Sequential(GROUPS, Columns(), LOW, HIGH),
    "knots": Knots(GROUPS, np.array([0, 0.3, 1.0]), np.array([[LOW, LOW, LOW], [LOW, 0, HIGH], [HIGH, HIGH, HIGH]])),
}


@pytest.mark.parametrize("path", PATHS)
def test_the_exact_score_gains_nothing(path: str) -> None:
    """Along every path the bound of Gaussian data is its entropy and the slack of the ends."""
    covariance = np.array([[1.0, 0.7, 0.2], [0.7, 0.8, 0.1], [0.2, 0.1, 0.5]])
    oracle = GaussianMixture.gaussian(jnp.asarray(covariance, jnp.float32))
    # points whose second moments are those of the data, many times: no noise of the data, little of the rest
    points = np.tile(np.sqrt(3) * np.linalg.cholesky(covariance).T, (8192, 1)).reshape(-1, *SHAPE)
    one, at = process(PATHS[path]), {"inverse_softness": 0.5}
    run = jax.jit(lambda chi: along(oracle.denoise, one, chi, jax.random.key(0), at, {}, 64))
    entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * covariance)[1]
    slack = 0.5 * np.linalg.slogdet(np.eye(3) + np.exp(LOW) * np.linalg.inv(covariance))[1]
    a2 = 1 / (1 + np.exp(HIGH))
    last = a2 * covariance + (1 - a2) * np.eye(3)
    gap = 0.5 * (np.trace(last) - 3 - np.linalg.slogdet(last)[1])
    assert abs(float(run(jnp.asarray(points, jnp.float32)).mean()) - entropy - slack - gap) < 0.02


def apart(gamma):
    """Best where the first column is 2 ahead of the second in γ, and never mind the third."""
    xp = jnp if isinstance(gamma, jax.Array) else np
    off = 0.25 * (gamma[:, 0] - gamma[:, 1] - 2)
    return xp.stack([off, off, 0 * off], axis=1)


def cheapest(error: Callable, low: float, high: float, cells: int = 400) -> float:
    """The least ½ ∫ Σ_i error_i² dγ_i over monotone paths of two groups, by dynamic programming on a grid."""
    step = (high - low) / cells
    grid, edge = low + step * np.arange(cells + 1), low + step * (np.arange(cells) + 0.5)

    def cost(one: np.ndarray, two: np.ndarray, which: int) -> np.ndarray:
        states = np.stack([*np.broadcast_arrays(one, two), 0 * (one + two)], axis=-1)
        return 0.5 * step * error(states.reshape(-1, 3))[:, which].reshape(states.shape[:-1]) ** 2

    right, up = cost(edge[:, None], grid[None], 0), cost(grid[:, None], edge[None], 1)
    best = np.full((cells + 1, cells + 1), np.inf)
    best[0, 0] = 0.0
    for i in range(cells + 1):
        for j in range(cells + 1):
            if i:
                best[i, j] = min(best[i, j], best[i - 1, j] + right[i - 1, j])
            if j:
                best[i, j] = min(best[i, j], best[i, j - 1] + up[i, j - 1])
    return float(best[-1, -1])


def test_knots_find_the_optimum_of_a_known_error() -> None:
    times = np.linspace(0, 1, 25)
    straight = np.linspace(LOW, HIGH, 25, dtype=np.float32)[:, None].repeat(COLUMNS, axis=1)
    region = Region(np.full_like(straight, LOW), np.full_like(straight, HIGH))
    project = into(region, straight[0], straight[-1])

    def cost(values, chi, key):
        return along(flawed(apart), process(Knots(GROUPS, times, values)), chi, key, {}, {}, 24).mean()

    *_, (values, _) = descend(cost, project, jnp.asarray(straight), batches(64), 300, 0.3)
    values = np.asarray(project(values), float)
    assert (np.diff(values, axis=0) >= -1e-6).all()
    assert excess(region, values) < 1e-5
    fine = np.asarray(Knots(GROUPS, times, values).gamma(np.linspace(0, 1, 4001), {}))
    best, found = cheapest(apart, LOW, HIGH), integral(apart, fine)
    start = integral(apart, np.linspace(straight[0], straight[-1], 4001))
    assert best < 0.5 * start  # there is something to find
    assert best - 1e-3 < found < best + 0.03 * (start - best)


def test_a_parameter_finds_the_optimum_of_a_known_error() -> None:
    """Kinks move with it: a derivative at fixed times would not see that."""
    path = Sequential(GROUPS, Columns(), LOW, HIGH)

    def error(gamma):
        """Column 1 wants column 2 noised; column 2 wants it not to be so by much."""
        xp = jnp if isinstance(gamma, jax.Array) else np
        sharp = 1 / (1 + xp.exp(gamma[:, 1]))
        return xp.stack([sharp, 0.25 * (gamma[:, 1] - gamma[:, 0]), 0 * sharp], axis=1)

    def known(b: float) -> float:
        return integral(error, np.asarray(path.gamma(np.linspace(0, 1, 4001), {"inverse_softness": b})))

    softness = np.linspace(0.05, 0.8, 151)
    expected = softness[np.argmin([known(b) for b in softness])]
    assert 0.15 < expected < 0.7  # not at an end

    def cost(b, chi, key):
        return along(flawed(error), process(path), chi, key, {"inverse_softness": b}, {}, 24).mean()

    inside = lambda b: jnp.clip(b, 0.05, 0.8)  # noqa: E731
    *_, (found, _) = descend(cost, inside, jnp.float32(0.75), batches(64), 300, 0.05)
    assert known(float(found)) - known(expected) < 0.02 * (known(0.05) - known(expected))
    assert abs(float(found) - expected) < 0.06


def test_projected_knots_are_monotone_and_inside() -> None:
    path, times = Sequential(GROUPS, Columns(), LOW, HIGH), np.linspace(0, 1, 9)
    region = region_of(path, times, {"inverse_softness": (0.2, 0.6)}, free=False)
    middle = path.gamma(times, {"inverse_softness": 0.4})
    assert excess(region, middle) == 0
    assert excess(region, path.gamma(times, {"inverse_softness": 0.8})) > 0.5
    free = region_of(path, times, {"inverse_softness": (0.2, 0.6)}, free=True)
    assert (free.low == LOW).all()
    assert (free.high == HIGH).all()
    wild = middle + 5 * np.random.default_rng(0).normal(size=middle.shape)
    for one in (region, free):
        project = into(one, middle[0], middle[-1])
        values = np.asarray(project(jnp.asarray(wild)), float)
        assert excess(one, values) < 1e-5
        assert (np.diff(values, axis=0) >= -1e-5).all()
        np.testing.assert_allclose(values[[0, -1]], middle[[0, -1]], atol=1e-5)
        np.testing.assert_allclose(project(jnp.asarray(values)), values, atol=1e-5)
