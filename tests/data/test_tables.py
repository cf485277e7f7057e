"""Files of a design: what they hold, and what is wrong with them."""

import numpy as np
import pytest

from gudspec.data import DataError
from gudspec.data.tables import read_tables
from gudspec.engine.prepare import open_data, statistics_of
from gudspec.program.design import Design
from gudspec.spec.load import loads

SHAPE = (8, 8, 1)
ROTATION = np.linalg.qr(np.random.default_rng(0).normal(size=(64, 64)))[0]
MATRIX = "{{basis: {{kind: matrix, path: {0}}}}}"
PRIOR = "{{prior: {{kind: file, path: {0}}}}}"
ORDER = "{{schedule: {{kind: sequential, ordering: {{kind: file, path: {0}}}}}}}"


def experiment(design: str):
    return loads(f"gudspec: 1\nname: a\ndata: {{source: {{kind: digits}}}}\ndesign: {design}")


@pytest.fixture
def write(tmp_path):
    def save(array, name="a.npy"):
        path = tmp_path / name
        np.savez(path, array) if name.endswith("z") else np.save(path, array)
        return path

    return save


@pytest.mark.parametrize(
    ("design", "field", "array", "message"),
    [
        (MATRIX, "basis.path", 1.001 * ROTATION, "|UUᵀ − 1| reaches 0.002"),
        (MATRIX, "basis.path", ROTATION[:5], "its shape is [5, 64], but these images need [64, 64]"),
        (MATRIX, "basis.path", np.full((64, 64), np.nan), "4096 of its 4096 numbers are not finite"),
        (MATRIX, "basis.path", ROTATION.astype(complex), "it is complex128, not real numbers"),
        (PRIOR, "prior.path", np.zeros(SHAPE), "its smallest number is 0,"),
        (PRIOR, "prior.path", np.ones((8, 8)), "its shape is [8, 8], but these images need [8, 8, 1]"),
        (ORDER, "schedule.ordering.path", np.ones((4, 4, 1)), "its shape is [4, 4, 1]"),
        (ORDER, "schedule.ordering.path", np.full(SHAPE, np.inf), "64 of its 64 numbers are not finite"),
    ],
)  # fmt: skip
def test_what_is_wrong_names_file_field_and_number(write, design, field, array, message) -> None:
    path = write(array)
    with pytest.raises(DataError) as caught:
        read_tables(experiment(design.format(path)).design, SHAPE)
    assert (caught.value.code, caught.value.field) == ("GUD402", f"design.{field}")
    assert caught.value.message.startswith(str(path))
    assert message in caught.value.message


def test_files_that_cannot_be_read(tmp_path) -> None:
    (tmp_path / "text.npy").write_text("no array")
    np.savez(tmp_path / "two.npz", ROTATION, ROTATION)
    for name, code in (("none.npy", "GUD401"), ("text.npy", "GUD402"), ("two.npz", "GUD402")):
        with pytest.raises(DataError) as caught:
            read_tables(experiment(MATRIX.format(tmp_path / name)).design, SHAPE)
        assert caught.value.code == code
        assert name in caught.value.message


def test_a_matrix_inside_color_names_its_own_field(write) -> None:
    design = experiment(f"{{basis: {{kind: color, spatial: {{kind: matrix, path: {write(2 * ROTATION)}}}}}}}").design
    with pytest.raises(DataError) as caught:
        read_tables(design, (8, 8, 3))
    assert caught.value.field == "design.basis.spatial.path"


def test_colours_share_what_a_file_gives_once(write) -> None:
    numbers = np.random.default_rng(0).uniform(1, 2, SHAPE)
    path = write(numbers, "a.npz")
    design = experiment(f"{{prior: {{kind: file, path: {path}}}, {ORDER.format(path)[1:]}").design
    found = read_tables(design, (8, 8, 3))
    assert set(found) == {"scale", "order"}
    for array in found.values():
        np.testing.assert_array_equal(array, np.repeat(numbers, 3, -1))


def test_the_content_counts_and_the_place_does_not(write) -> None:
    first = open_data(experiment(MATRIX.format(write(ROTATION)))).hashes["design_hash"]
    assert open_data(experiment(MATRIX.format(write(ROTATION, "b.npy")))).hashes["design_hash"] == first
    assert open_data(experiment(MATRIX.format(write(ROTATION[::-1], "c.npy")))).hashes["design_hash"] != first


def test_files_reach_the_process(write) -> None:
    scale = np.random.default_rng(0).uniform(1, 2, SHAPE)
    matrix, prior = write(ROTATION), write(scale, "s.npy")
    order = ORDER.format(write(np.arange(64.0).reshape(SHAPE)[::-1], "l.npy"))
    design = f"{{basis: {{kind: matrix, path: {matrix}}}, prior: {{kind: file, path: {prior}}}, {order[1:]}"
    prepared = open_data(experiment(design))
    statistics = statistics_of(prepared)
    process = Design(prepared.experiment.design, SHAPE).process(statistics)
    np.testing.assert_allclose(process.scale, scale, rtol=1e-6)
    x = np.random.default_rng(1).normal(size=(3, *SHAPE))
    expected = (x - statistics.mean).reshape(3, 64) @ ROTATION.T / scale.ravel()
    np.testing.assert_allclose(process.to_components(x).reshape(3, 64), expected, atol=1e-5)
    half = process.gamma(np.full(1, 0.5, np.float32), {"inverse_softness": 0.9})[0, :, 0, 0]
    assert half[0] > half[-1]  # the first row is last in the order: noised first
    assert np.isfinite(statistics.extremes).all()


@pytest.mark.parametrize("prior", ["data_variance", "power_law", "isotropic"])
@pytest.mark.parametrize("schedule", ["linear", "soft_linear", "sequential, ordering: {kind: neg_log_variance}"])
def test_components_that_never_vary_are_floored(prior: str, schedule: str) -> None:
    design = experiment(f"{{basis: {{kind: dct}}, prior: {{kind: {prior}}}, schedule: {{kind: {schedule}}}}}").design
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, *SHAPE))
    x -= x.mean((1, 2), keepdims=True)  # no mean: k = 0 never varies

    def variance(forward):
        return forward(x).var(0)

    def extremes(diffused):
        values = np.linalg.eigvalsh(np.cov(diffused(x).reshape(100, -1).T))
        return max(values[0], 1e-14 * values[-1]), values[-1]

    compiled = Design(design, SHAPE)
    statistics = compiled.statistics(x.mean(0), None, variance, extremes)
    assert Design.floored(statistics.variance) == 1
    process = compiled.process(statistics)
    t = np.linspace(0, 1, 5, dtype=np.float32)
    at = {"inverse_softness": np.float32(0.5)}
    for values in (process.gamma(t, at), process.gamma_dot(t, at), process.to_components(x[:2])):
        assert np.isfinite(values).all()


@pytest.mark.parametrize("basis", ["{kind: pca, colors: mixed}", "{kind: color, spatial: {kind: pca}}"])
def test_statistics_of_colours(basis: str) -> None:
    spec = f"gudspec: 1\nname: a\ndata: {{source: {{kind: photos, size: 4, stride: 16}}}}\ndesign: {{basis: {basis}}}"
    statistics = statistics_of(open_data(loads(spec)))
    size = 48 if "mixed" in basis else 16
    assert statistics.axes.shape == (size, size)
    if "mixed" in basis:
        assert (np.diff(statistics.variance.ravel()) <= 1e-6).all()
    else:
        assert statistics.variance[..., 0].sum() > statistics.variance[..., 1:].sum()  # luma holds the most
