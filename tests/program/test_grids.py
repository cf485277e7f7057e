"""The times of samplers."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from gudspec.engine.prepare import open_data
from gudspec.process.process import Process
from gudspec.program.grids import shares_of, times_of
from gudspec.program.program import Program
from gudspec.spec.models import samplers as spec
from gudspec.verify.gaussian import gaussian_data
from gudspec.verify.propagate import Propagator, wasserstein
from tests.program.test_samplers import COLUMNS, program_and_process

COSINE = "{kind: cosine, gamma: {min: -8, max: 5}}"
GRIDS = (
    spec.UniformGrid(kind="uniform"),
    spec.GammaGrid(kind="gamma"),
    spec.ArcLengthGrid(kind="arc_length"),
    spec.AngleGrid(kind="angle"),
    spec.EdmGrid(kind="edm"),
    spec.TimesGrid(kind="times", times=(1.0, 0.9, 0.5, 0.1, 0.0)),
)


def times_at(sampler: spec.AnySampler, grid: spec.AnyGrid, program: Program, process: Process) -> np.ndarray:
    sampler = sampler.model_copy(update={"grid": grid})
    return np.asarray(times_of(sampler, shares_of(sampler), process, program.at()))


@pytest.mark.parametrize("schedule", [COSINE, COLUMNS])
@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: grid.kind)
@pytest.mark.parametrize("kinks", [True, False])
def test_times_fall_from_one_to_zero_and_hold_the_kinks(schedule: str, grid: spec.AnyGrid, kinks: bool) -> None:
    program, process = program_and_process(schedule)
    times = times_at(
        spec.Dpm(kind="dpm", steps=4) if kinks else spec.Ddim(kind="ddim", steps=4), grid, program, process
    )
    assert (times[0], times[-1]) == (1, 0)
    assert all(later <= earlier for earlier, later in pairwise(times))
    breaks = np.asarray(process.path.breakpoints(program.at()))
    assert len(times) == 5 + kinks * len(breaks)
    if kinks:
        assert np.isin(breaks.astype(np.float32), times).all()


def gammas(grid: spec.AnyGrid, schedule: str, count: int = 10) -> np.ndarray:
    program, process = program_and_process(schedule)
    times = times_at(spec.Ddim(kind="ddim", steps=count), grid, program, process)
    return np.asarray(process.path.gamma(times, program.at()))


def test_gamma_grid_is_even_in_the_mean_of_gamma() -> None:
    """On a path whose γ is anything but even in t."""
    mean = gammas(spec.GammaGrid(kind="gamma"), COSINE).mean(axis=1)
    np.testing.assert_allclose(mean, np.linspace(5, -8, 11), atol=1e-3)


def test_edm_grid_is_the_published_one() -> None:
    """arXiv:2206.00364, eq. (5), σ_max and σ_min being the ends of the path."""
    rho, low, high = 7.0, np.exp(-4.0), np.exp(2.5)
    i = np.arange(11)
    expected = (high ** (1 / rho) + i / 10 * (low ** (1 / rho) - high ** (1 / rho))) ** rho
    measured = np.exp(0.5 * gammas(spec.EdmGrid(kind="edm", rho=rho), COSINE)[:, 0])
    np.testing.assert_allclose(measured, expected, rtol=2e-3)


def test_arc_length_is_even_in_the_length_of_the_path() -> None:
    grid = spec.ArcLengthGrid(kind="arc_length")
    program, process = program_and_process(COLUMNS)
    fine = np.linspace(1, 0, 20_001)
    length = np.linalg.norm(np.diff(np.asarray(process.path.gamma(fine, program.at())), axis=0), axis=1).cumsum()
    times = times_at(spec.Ddim(kind="ddim", steps=10), grid, program, process)
    done = np.interp(-times, -fine[1:], length / length[-1])
    np.testing.assert_allclose(done, np.linspace(0, 1, 11), atol=2e-3)


def test_angles_of_the_cosine_schedule_are_its_times() -> None:
    """tan φ = σ/α = tan(πt/2) of data of variance 1 (arXiv:2102.09672); clipped, the ends alone differ."""
    program, process = program_and_process(COSINE)
    white = replace(process, variance=np.ones_like(process.variance), scale=np.ones_like(process.scale))
    times = times_at(spec.Ddim(kind="ddim", steps=10), spec.AngleGrid(kind="angle"), program, white)
    angles = np.arctan(np.exp(0.5 * np.asarray(process.path.gamma(times, program.at()))[:, 0]))
    ends = np.arctan(np.exp(0.5 * np.array([5, -8])))
    np.testing.assert_allclose(angles, np.linspace(*ends, 11), atol=1e-3)


@pytest.mark.parametrize("schedule", ["{kind: soft_linear, inverse_softness: 1.0}", COLUMNS])
@pytest.mark.parametrize("sampler", [spec.Ddim(kind="ddim", steps=50), spec.Ancestral(kind="ancestral", steps=50)])
def test_even_in_angles_first_order_samplers_err_less(sampler: spec.AnySampler, schedule: str) -> None:
    """By the exact covariance of what they draw from Gaussian data."""
    program, _ = program_and_process(schedule)
    data = gaussian_data(open_data(program.experiment))
    propagator = Propagator(data)
    grids = (spec.UniformGrid(kind="uniform"), spec.AngleGrid(kind="angle"))
    even, angle = (
        wasserstein(data, propagator.covariance(sampler.model_copy(update={"grid": grid}))) for grid in grids
    )
    assert even > 1.3 * angle


def test_angles_are_weighted_by_variance() -> None:
    """The length of the path in all angles, by NumPy, at a variance that differs between columns."""
    program, process = program_and_process(COLUMNS)
    variance = np.broadcast_to(np.array([4.0, 1.0, 0.25, 0.01])[None, :, None], (4, 4, 1)).astype(np.float32)
    process = replace(process, variance=variance)
    fine = np.linspace(1, 0, 20_001)
    gamma = np.asarray(process.gamma(fine, program.at()), float)
    turned = np.diff(np.arctan(np.exp(0.5 * gamma) / np.sqrt(variance)), axis=0)
    length = np.sqrt((variance * turned**2).sum(axis=(1, 2, 3))).cumsum()
    times = times_at(spec.Ddim(kind="ddim", steps=10), spec.AngleGrid(kind="angle"), program, process)
    done = np.interp(-times, -fine[1:], length / length[-1])
    np.testing.assert_allclose(done, np.linspace(0, 1, 11), atol=2e-3)
