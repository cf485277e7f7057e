import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gudspec.report.images import grid, save_drawing, save_grid


@settings(max_examples=50, deadline=None)
@given(
    count=st.integers(1, 12),
    height=st.integers(1, 5),
    width=st.integers(1, 5),
    channels=st.integers(1, 4),
    columns=st.none() | st.integers(1, 15),
    gap=st.integers(0, 2),
)
def test_every_image_is_found_again_in_its_cell(count, height, width, channels, columns, gap):
    images = np.random.default_rng(0).uniform(-1, 1, (count, height, width, channels))
    canvas = grid(images, columns, gap)
    across = (canvas.shape[1] + gap) // (width + gap)
    opaque = 0
    for index, image in enumerate(images):
        top, left = index // across * (height + gap), index % across * (width + gap)
        cell = canvas[top : top + height, left : left + width]
        shown = {1: [0, 0, 0], 2: [0, 1], 3: [0, 1, 2], 4: [0, 1, 2]}[channels]
        np.testing.assert_allclose(cell[..., : len(shown)] / 127.5 - 1, image[..., shown], atol=1 / 255)
        assert (cell[..., 3] == 255).all()
        opaque += height * width
    assert (canvas[..., 3] > 0).sum() == opaque  # everything else is transparent


def test_the_default_grid_is_about_square_and_values_outside_are_clipped():
    assert grid(np.zeros((64, 8, 8, 1))).shape == (71, 71, 4)
    assert grid(np.zeros((5, 8, 8, 1))).shape == (17, 26, 4)
    extreme = grid(np.array([-9.0, 9.0, np.nan, np.inf]).reshape(4, 1, 1, 1), columns=4, gap=0)
    assert extreme[0, :, 0].tolist() == [0, 255, 128, 255]


@pytest.mark.parametrize(("side", "factor"), [(8, 6), (32, 1)])
def test_small_pictures_are_enlarged_by_whole_pixels(tmp_path, side, factor):
    images = np.random.default_rng(0).uniform(-1, 1, (64, side, side, 3))
    save_grid(tmp_path / "grid.png", images)
    picture = np.asarray(Image.open(io.BytesIO((tmp_path / "grid.png").read_bytes())))
    np.testing.assert_array_equal(picture, grid(images).repeat(factor, 0).repeat(factor, 1))


def test_a_group_for_every_original_in_the_order_original_given_drawn(tmp_path):
    count, side = 12, 8
    shades = {"originals": 0, "given": 128, "images": 255}
    arrays = {name: np.full((count, side, side, 1), shade / 127.5 - 1) for name, shade in shades.items()}
    save_drawing(tmp_path / "drawing", arrays)
    picture = np.asarray(Image.open(tmp_path / "drawing.png"))
    assert 0.5 < picture.shape[1] / picture.shape[0] < 2  # about square, and not a tall column
    row = picture[0]
    edges = np.flatnonzero(np.diff(row[:, 3].astype(int), prepend=0, append=0)).reshape(-1, 2)  # of every image
    assert [row[start, 0] for start, _ in edges] == [0, 128, 255] * (len(edges) // 3)
    gaps = edges[1:, 0] - edges[:-1, 1]
    inside = {int(gap) for index, gap in enumerate(gaps) if index % 3 != 2}
    between = {int(gap) for index, gap in enumerate(gaps) if index % 3 == 2}
    assert len(inside) == len(between) == 1
    assert min(between) > 2 * max(inside)  # groups are told apart


@pytest.mark.parametrize(("shape", "across"), [((3, 8, 64, 1), 1), ((3, 64, 8, 1), 3), ((4, 8, 8, 1), 2)])
def test_strips_lie_along_each_other(tmp_path, shape, across):
    images = np.random.default_rng(0).uniform(-1, 1, shape)
    save_drawing(tmp_path / "strips", {"images": images})
    picture = np.asarray(Image.open(tmp_path / "strips.png"))
    expected = grid(images, across)
    np.testing.assert_array_equal(picture[:: len(picture) // len(expected)][: len(expected), :1], expected[:, :1])
    assert picture.shape[1] * expected.shape[0] == picture.shape[0] * expected.shape[1]


def test_an_animation_goes_with_its_drawing(tmp_path):
    frames = np.random.default_rng(0).uniform(-1, 1, (4, 5, 8, 8, 1))
    save_drawing(tmp_path / "drawing", {"images": frames[:, -1], "frames": frames})
    animation = Image.open(tmp_path / "drawing.gif")
    assert animation.n_frames == 5
    assert animation.size == Image.open(tmp_path / "drawing.png").size
    animation.seek(4)
    last = np.asarray(animation.convert("RGBA"), float)
    np.testing.assert_allclose(last, np.asarray(Image.open(tmp_path / "drawing.png"), float), atol=16)  # 256 colours
    animation.close()
    save_drawing(tmp_path / "drawing", {"images": frames[:, 0]})
    assert not (tmp_path / "drawing.gif").exists()
