import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gudspec.process.noising import alpha, sigma
from gudspec.report.page import write_report
from gudspec.report.reading import Run, read_run
from gudspec.report.samples import round_trips, shown, ways
from gudspec.report.view import View
from tests.report.test_page import Page
from tests.report.workdirs import SPEC, workdir


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workdir(tmp_path_factory.mktemp("run") / "drawings")


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return read_run(folder)


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize(
    ("name", "caption", "order"),
    [
        ("free", "9 images · nominal · ancestral, 100 steps · 1.5 s", ""),
        ("filled", "8 images · inpaint, right half hidden · nominal · dpm, 20 steps", "original, given, drawn."),
        ("again", "4 images · reconstruct from t = 0.4 ·", "original, given, 3 drawn."),
        ("there-and-back", "roundtrip · nominal · ddim, 50 steps · round-trip error 0.012", "original, decoded."),
        ("between", "4 images · interpolate ·", "an original, and 5 images that lead from it to the next one."),
        ("long", "3 images · extend to 64 pixels ·", ""),
    ],
)
def test_a_picture_says_what_was_asked_and_what_stands_where(run: Run, name: str, caption: str, order: str) -> None:
    (picture,) = (shown(one, run) for one in run.pictures if one.name == name)
    assert caption in picture.caption
    assert picture.order.endswith(order)
    assert bool(picture.order) == bool(order)


def test_an_animation_has_a_still_of_its_size_and_a_switch(page: Page) -> None:
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    (moving,) = (one for one in images if one.get("class") == "moving")
    (still,) = (one for one in images if one.get("class") == "still")
    assert moving["src"].startswith("data:image/gif;base64,")
    frames = Image.open(io.BytesIO(base64.b64decode(moving["src"].partition(",")[2])))
    assert frames.n_frames == 6
    assert frames.size == (int(still["width"]), int(still["height"])) == (int(moving["width"]), int(moving["height"]))
    assert [attributes for tag, attributes in page.tags if tag == "input"] == [{"type": "checkbox"}]


def test_who_wants_less_motion_sees_the_still_first(folder: Path) -> None:
    text = write_report(folder).read_text(encoding="utf-8")
    (reduced,) = re.findall(r"@media \(prefers-reduced-motion: reduce\) \{(.*?)\n\}", text, re.DOTALL)
    assert re.search(r"\.animated \.moving[^}]*\{ display: none", reduced)
    assert re.search(r"\.animated \.still[^}]*\{ display: block", reduced)


def test_the_reverse_is_what_was_kept_and_the_forward_noises_it_on_the_same_path(run: Run, folder: Path) -> None:
    (way,) = ways(run)
    assert (way.name, way.rows, way.times) == ("free", 3, ["0", "0.2", "0.4", "0.6", "0.8", "1"])
    with np.load(folder / "samples/free.npz") as arrays:
        frames = arrays["frames"]
    reverse = pixels(way.reverse)
    factor = reverse.shape[1] // (6 * 9 - 1)
    for column in range(6):  # from data to noise
        cell = reverse[factor // 2 :: factor, factor // 2 :: factor][:8, 9 * column : 9 * column + 8, 0]
        np.testing.assert_allclose(cell / 127.5 - 1, frames[0, 5 - column, :, :, 0], atol=1 / 255)
    # the last column of the layout is noised last here, so that it is clean where the first is noise already
    assert run.experiment is not None
    assert run.statistics is not None
    view = View(run.experiment, run.statistics)
    gamma = view.process.gamma(np.array([0.4]), view.at)[0, 0, :, 0]
    clean = sigma(gamma) < 0.02
    assert clean.any()
    assert (alpha(gamma) < 0.5).any()
    assert way.forward is not None
    forward = pixels(way.forward)[factor // 2 :: factor, factor // 2 :: factor][:8, 18:26, 0]
    np.testing.assert_allclose((forward / 127.5 - 1)[:, clean], frames[0, 5][:, clean, 0], atol=0.1)
    assert np.abs((forward / 127.5 - 1)[:, ~clean] - frames[0, 5][:, ~clean, 0]).max() > 0.5


def test_of_what_was_drawn_later_only_the_arrays_are_believed(tmp_path: Path) -> None:
    folder = workdir(tmp_path / "run", samples=[])  # with whatever task, sampler and path were asked for
    run = read_run(folder)
    captions = {picture.name: shown(picture, run) for picture in run.pictures}
    assert captions["filled"].caption == "8 images"
    assert captions["again"].order == "In each group, from left to right: original, given, 3 drawn."
    (way,) = ways(run)
    assert way.forward is None
    assert "noised again" not in Page(write_report(folder).read_text(encoding="utf-8")).text


def test_a_way_follows_the_path_of_its_own_entry(tmp_path: Path, run: Run) -> None:
    own = "frames: 6, path: {kind: linear, gamma: {min: -9, max: 5}}"
    other = read_run(workdir(tmp_path / "run", SPEC.replace("frames: 6", own)))
    (one,), (two,) = ways(run), ways(other)
    assert one.reverse == two.reverse
    assert one.forward != two.forward


def test_errors_of_round_trips_are_a_table(run: Run, page: Page) -> None:
    rows = round_trips(run)
    assert [row["task"] for row in rows] == ["roundtrip", "interpolate"]
    for row in rows:
        assert (row["error"], row["levels"], row["sampler"]) == ("0.0123", "1.57", "ddim, 50 steps")
    assert "there-and-back roundtrip nominal ddim, 50 steps 4 0.0123 1.57" in page.text


def test_figures_of_the_design_are_on_the_page(page: Page) -> None:
    sheets = [attributes["alt"] for tag, attributes in page.tags if tag == "img" and "class" not in attributes]
    for name in ("When each group is noised", "Region of γ", "Spectrum"):
        assert name in sheets


def test_an_animation_of_an_earlier_drawing_is_not_shown(tmp_path: Path) -> None:
    folder = workdir(tmp_path / "run")
    (folder / "samples/free.gif").rename(folder / "samples/filled.gif")
    assert [picture.animation for picture in read_run(folder).pictures] == [None] * 6


def test_damaged_arrays_leave_the_picture(tmp_path: Path) -> None:
    folder = workdir(tmp_path / "run")
    for name in ("free", "filled"):
        file = folder / f"samples/{name}.npz"
        file.write_bytes(file.read_bytes()[:100])
    (folder / "samples/long.npz").write_bytes(b"")
    page = Page(write_report(folder).read_text(encoding="utf-8"))
    assert "Forward and reverse" not in page.text
    assert "inpaint, right half hidden" in page.text
    assert "In each group, from left to right: original, decoded." in page.text


def test_a_page_with_everything_needs_nothing_but_itself(folder: Path) -> None:
    text = write_report(folder).read_text(encoding="utf-8")
    assert not re.search(r"https?:|@import|<script|<link", text)
    for tag, attributes in Page(text).tags:
        if tag == "img":
            assert re.match(r"data:image/(png|gif);base64,", attributes["src"])
    assert json.loads((folder / "summary.json").read_text())["name"] in text
