import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gudspec.report.images import grid, save_grid


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
