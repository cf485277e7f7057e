"""The arrays of `show --arrays` against the paper's formulas, written out once more."""

from pathlib import Path

import numpy as np
import pytest

from gudspec.engine.prepare import open_data, statistics_of
from gudspec.report.arrays import design_arrays, save_arrays
from gudspec.spec.load import loads

T = (0.0, 0.3, 0.5, 1.0)
ROUNDING = 1e-9


def arrays(design: str) -> dict[str, np.ndarray]:
    experiment = loads(f"gudspec: 1\nname: example\ndata: {{source: {{kind: digits}}}}\ndesign: {design}\n")
    return design_arrays(experiment, statistics_of(open_data(experiment)), T)


@pytest.mark.parametrize("prior", ["isotropic", "data_variance"])
@pytest.mark.parametrize("a", [0.0, 0.7])
def test_soft_linear_is_equations_20_and_21(prior: str, a: float) -> None:
    found = arrays(
        f"{{basis: {{kind: pca}}, prior: {{kind: {prior}}}, schedule: {{kind: soft_linear, inverse_softness: "
        f"{{low: 0, high: 2, value: {a}}}, snr: {{denoise: -7, noise: 3, sigma_min: 0.99}}}}}}"
    )
    unscaled = found["variance_unscaled"]
    sigma = np.ones_like(unscaled) if prior == "data_variance" else unscaled
    l = -np.log(unscaled)  # noqa: E741
    noise = max(3, np.log(0.99**2 / (1 - 0.99**2)) - np.log(sigma).min())
    start = -7 + np.log(sigma) + a * (l - l.max())
    stop = noise + np.log(sigma) + a * (l - l.min())
    t = np.array(T)[:, None, None, None]
    gamma = start + (stop - start) * t
    np.testing.assert_allclose(found["gamma"], gamma, atol=ROUNDING)
    np.testing.assert_allclose(found["sigma"] ** 2, 1 / (1 + np.exp(-gamma)), rtol=1e-9)
    np.testing.assert_allclose(found["alpha"] ** 2 + found["sigma"] ** 2, 1, atol=ROUNDING)
    np.testing.assert_allclose(found["ordering"], l, atol=ROUNDING)
    np.testing.assert_allclose(found["variance"], sigma, atol=ROUNDING)
    np.testing.assert_allclose(found["prior_scale"] ** 2, unscaled / sigma, rtol=1e-9)
    assert found["breakpoints"].size == 0


def test_sequential_is_equation_22() -> None:
    found = arrays(
        "{basis: {kind: pixel}, schedule: {kind: sequential, ordering: {kind: column}, inverse_softness: 0.6, "
        "gamma: {min: -10, max: 6}}}"
    )
    i = np.arange(1, 9)
    t_i = 0.6 * (8 - i) / 7
    gamma = -10 + 16 * np.clip((np.array(T)[:, None] - t_i) / 0.4, 0, 1)
    expected = np.broadcast_to(gamma[:, None, :, None], (4, 8, 8, 1))
    np.testing.assert_allclose(found["gamma"], expected, atol=ROUNDING)
    np.testing.assert_array_equal(found["ordering"][3, :, 0], np.arange(8))
    np.testing.assert_allclose(found["breakpoints"], np.unique([*t_i, *(t_i + 0.4)]).round(12), atol=1e-11)


def test_without_an_ordering_groups_are_numbered_as_they_are_generated() -> None:
    found = arrays("{basis: {kind: haar, levels: 2}, schedule: {kind: hierarchical, gamma: {min: -9, max: 5}}}")
    level = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    assert found["ordering"].min() == 0
    assert found["ordering"][:2, :4, 0][level == 0].max() < found["ordering"][:2, 4:, 0].min() + 1e-9
    later = found["gamma"].mean(axis=0)
    order = np.argsort(found["ordering"].ravel(), kind="stable")
    assert (np.diff(later.ravel()[order]) >= -ROUNDING).all()


def test_a_scalar_path_has_no_order() -> None:
    found = arrays("{basis: {kind: pixel}, schedule: {kind: cosine, gamma: {min: -9, max: 5}}}")
    assert not found["ordering"].any()
    assert found["gamma"].shape == (4, 8, 8, 1)
    assert found["breakpoints"].shape == (2,)


def test_every_array_is_finite_float64_and_survives_the_file(tmp_path: Path) -> None:
    experiment = loads("gudspec: 1\nname: example\ndata: {source: {kind: digits}}\n")
    statistics = statistics_of(open_data(experiment))
    save_arrays(tmp_path / "arrays", experiment, statistics, T)
    expected = design_arrays(experiment, statistics, T)
    with np.load(tmp_path / "arrays") as found:
        assert set(found) == set(expected)
        for name, array in found.items():
            assert array.dtype == np.float64, name
            assert np.isfinite(array).all(), name
            np.testing.assert_array_equal(array, expected[name])
