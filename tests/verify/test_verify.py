"""`gudspec verify`: right designs pass, and a program that is wrong anywhere does not."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gudspec.engine.prepare import open_data
from gudspec.spec.load import loads
from gudspec.spec.models import samplers
from gudspec.verify.basis import check_basis, check_path
from gudspec.verify.check import Check
from gudspec.verify.gaussian import GaussianData, gaussian_data
from gudspec.verify.programs import check_bound, check_likelihood, check_loss
from gudspec.verify.samplers import check_samplers, covariance_error

ROOT = Path(__file__).parents[2]


def make(design: str, size: int = 4, extra: str = "") -> GaussianData:
    text = f"""
        gudspec: 1
        name: verified
        data: {{source: {{kind: gaussian_field, size: {size}, count: 512}}}}
        design: {design}
        {extra}
    """
    return gaussian_data(open_data(loads(text)))


COLUMNS = "{schedule: {kind: sequential, inverse_softness: 0.6, gamma: {min: -11, max: 6}}}"
WHITENED = (
    "{basis: {kind: fourier}, prior: {kind: data_variance}, schedule: {kind: soft_linear, inverse_softness: 0.6}}"
)


@pytest.mark.parametrize("design", [COLUMNS, WHITENED], ids=["columns", "whitened"])
def test_right_designs_pass(design: str) -> None:
    data = make(design)
    checks = [*check_basis(data), *check_path(data), *check_loss(data), *check_likelihood(data), *check_bound(data)]
    assert {check.name.split(":")[0] for check in checks} == {"basis", "prior", "path", "loss", "likelihood", "bound"}
    assert [check for check in checks if not check.passed] == []


def test_large_images_use_the_diagonal() -> None:
    data = make("{basis: {kind: haar, levels: 2}, schedule: {kind: hierarchical}}", size=32)
    assert not data.full
    assert [check for check in (*check_loss(data), *check_likelihood(data)) if not check.passed] == []


def wrong_denoiser(data: GaussianData) -> GaussianData:
    oracle = data.oracle
    return replace(data, program=replace(data.program, denoiser=lambda *_: lambda *a: 1.02 * oracle.denoise(*a)))


def wrong_scale(data: GaussianData) -> GaussianData:
    """Statistics in which one component's prior is off: the volume Σ log S does not fit any more."""
    variance = np.array(data.statistics.variance)
    variance[0, 0] *= 4
    return replace(data, statistics=data.statistics._replace(variance=variance))


@pytest.mark.parametrize("damage", [wrong_denoiser, wrong_scale])
def test_wrong_programs_do_not_pass(damage) -> None:
    assert not all(check.passed for check in check_likelihood(damage(make(WHITENED))))


def test_a_score_of_another_density_has_a_gradient() -> None:
    data = make(COLUMNS)
    other = replace(data, covariance=1.5 * data.covariance)
    assert all(check.passed for check in check_loss(data))
    names = [check.name for check in check_loss(_with_oracle_of(other, data)) if not check.passed]
    assert any("gradient" in name for name in names)


def _with_oracle_of(other: GaussianData, data: GaussianData) -> GaussianData:
    class Mixed(GaussianData):
        @property
        def oracle(self):
            return other.oracle

    return Mixed(data.program, data.statistics, data.process, data.covariance, data.parameters)


def test_paths_that_stop_short_are_found() -> None:
    short = make("{schedule: {kind: linear, gamma: {min: -2, max: 0}}}")
    failed = {check.name for check in check_path(short) if not check.passed}
    assert failed == {"path: start gap", "path: prior gap"}


@pytest.mark.parametrize("design", [COLUMNS, WHITENED], ids=["columns", "whitened"])
def test_propagated_covariance_is_that_of_samples(design: str) -> None:
    """The exact propagation agrees with what the program's sampler draws."""
    import jax

    data, sampler = make(design), samplers.Ancestral(kind="ancestral", steps=10)
    draw = data.program.sampler(sampler)
    count = 20_000
    images = draw({}, data.statistics, jax.random.key(0), data.parameters, {}, count=count)
    drawn = np.asarray(data.process.to_components(np.asarray(images, float))).reshape(count, -1)
    expected = data.diffused(0.0)
    error = np.linalg.norm(np.cov(drawn.T) - expected) / np.linalg.norm(expected)
    assert abs(error - covariance_error(data, sampler)) < 0.05


def test_more_steps_come_closer() -> None:
    data = make(COLUMNS, extra="sample: [{name: s, sampler: {kind: ddim, steps: 25}}]")
    checks = {check.name: check for check in check_samplers(data)}
    assert checks["sampler: ddim η = 0, converges: error at 200 steps over that at 100"].passed
    errors = [check.measured for name, check in checks.items() if "covariance error" in name]
    assert errors == sorted(errors, reverse=True)


def test_a_check_that_is_not_a_number_fails() -> None:
    assert not Check("nan", 0.0, float("nan"), 1.0).passed
    assert not Check("nan", None, float("nan"), None).passed


@pytest.mark.slow
def test_the_quickstart_in_under_a_minute() -> None:
    command = [sys.executable, "-m", "gudspec", "verify", str(ROOT / "specs" / "quickstart.yaml"), "--no-samplers"]
    command += ["--format", "json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    checks = json.loads(result.stdout)["checks"]
    assert len(checks) > 20
    assert all(set(check) >= {"name", "expected", "measured", "tolerance", "passed"} for check in checks)
    assert all(check["passed"] for check in checks)
