"""Pictures of designs: what they draw is what they should, and they can always be drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gudspec.engine.prepare import open_data, statistics_of
from gudspec.report.pictures import PICTURES, draw, examples
from gudspec.report.pictures.forward import noised
from gudspec.report.pictures.region import sheets
from gudspec.report.view import View
from gudspec.spec.load import loads

DESIGNS = {
    "scalar": "{schedule: {kind: vp}}",
    "ranged": "{basis: {kind: pca}, schedule: {kind: soft_linear, inverse_softness: {low: 0, high: 2, value: 1}}}",
    "mixture": "{basis: {kind: fourier}, schedule: {kind: soft_linear, ordering: {kind: mixture, r: "
    "{low: 0, high: 1, value: 0.5}}, inverse_softness: {low: 0.5, high: 1, value: 1}}}",
    "rows": "{basis: {kind: pixel}, schedule: {kind: sequential, ordering: {kind: row}}}",
    "haar": "{basis: {kind: haar, levels: 2}, prior: {kind: data_variance}, schedule: {kind: hierarchical}}",
}


def view(design: str) -> tuple[View, np.ndarray]:
    experiment = loads(f"gudspec: 1\nname: example\ndata: {{source: {{kind: digits}}}}\ndesign: {design}\n")
    prepared = open_data(experiment)
    return View(experiment, statistics_of(prepared)), examples(prepared.source.train, prepared.source.levels, 40)


@pytest.mark.parametrize("name", DESIGNS)
def test_every_picture_of_every_design_is_drawn(name: str, tmp_path: Path) -> None:
    bound, images = view(DESIGNS[name])
    files = draw(tmp_path / "new" / "folder", bound.experiment, bound.statistics, images[:2])
    assert [file.stem for file in files] == list(PICTURES)
    for file in files:
        pixels = np.asarray(Image.open(file).convert("L"))
        assert pixels.shape[1] > 1000, file
        assert pixels.std() > 5, f"{file} is blank"


@pytest.mark.parametrize("name", ["haar", "ranged"])
def test_the_forward_process_starts_at_the_image_and_ends_in_the_prior(name: str) -> None:
    bound, images = view(DESIGNS[name])
    strips = noised(bound, images, np.array([0.0, 1.0]), seed=0)
    assert strips.shape == (40, 2, 8, 8, 1)
    gamma = bound.process.gamma(np.array([0.0, 1.0]), bound.at)
    assert np.abs(strips[:, 0] - images).max() < 6 * (bound.process.scale * np.exp(gamma[0] / 2)).max()
    chi = bound.process.to_components(strips[:, 1])
    signal = np.exp(-gamma[1].min())  # α² of what is left of the data
    np.testing.assert_allclose(chi.mean(), 0, atol=4 / np.sqrt(chi.size) + np.sqrt(signal))
    np.testing.assert_allclose(chi.var(), 1, atol=0.12 + signal)


def test_the_region_contains_the_nominal_path_and_stays_in_the_trained_range() -> None:
    bound, _ = view(DESIGNS["ranged"])
    rows = bound.spread(2)
    t = bound.times(rows, 9)
    surfaces = np.stack(list(sheets(bound, t, rows)))
    nominal = bound.gamma(t, rows)
    low, high = surfaces.min(axis=(0, 1)), surfaces.max(axis=(0, 1))
    assert (low <= nominal + 1e-9).all()
    assert (nominal <= high + 1e-9).all()
    ends = [bound.gamma(t, rows, {"inverse_softness": a}) for a in (0.0, 2.0)]
    np.testing.assert_allclose(low, np.minimum(*ends))
    np.testing.assert_allclose(high, np.maximum(*ends))


def test_a_fixed_design_has_no_region() -> None:
    bound, _ = view(DESIGNS["rows"])
    assert list(sheets(bound, np.linspace(0, 1, 3), bound.spread(2))) == []
