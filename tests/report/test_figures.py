import numpy as np
import pytest

from gudspec.report.figures import SHADES, Line, chart, palette, shades


def test_equal_figures_are_equal_texts():
    line = Line(np.arange(5.0), np.arange(5.0) ** 2)
    assert chart([line], title="Loss", x="step") == chart([line], title="Loss", x="step")


@pytest.mark.parametrize(
    "line",
    [
        Line(np.zeros(0), np.zeros(0)),
        Line(np.ones(1), np.ones(1)),
        Line(np.arange(3.0), np.array([1.0, np.nan, np.inf])),
        Line(np.arange(2.0), np.array([-1.0, 1000.0])),
        Line(np.arange(3.0), np.array([1e-9, 1.0, 1e9])),
        Line(np.arange(2.0), np.ones(2), error=np.array([0.1, np.nan])),
    ],
    ids=["empty", "one point", "not finite", "negative", "wide", "errors"],
)
def test_any_line_can_be_drawn(line):
    svg = chart([line], title="Loss", x="step", logarithmic=True)
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert "nan" not in svg


def test_long_lines_are_shortened():
    x = np.arange(100_000.0)
    assert len(chart([Line(x, np.sin(x))], title="Loss", x="step")) < 20_000


def test_labels_keep_their_digits_and_colours_are_the_page_s():
    svg = chart([Line(np.arange(3.0), np.array([1e-3, 1e-2, 1.0]), 2)], title="Loss", x="step", logarithmic=True)
    assert ">0.001<" in svg
    assert "var(--line-2)" in svg
    assert "#0" not in svg.replace('"#', "").replace("(#", "")


@pytest.mark.parametrize("count", range(1, 12))
def test_shades_are_spread_in_order(count):
    found = shades(count)
    assert found == sorted(found)
    assert found[0] == 0
    assert all(0 <= shade < SHADES for shade in found)
    assert len(set(found)) == min(count, SHADES)


@pytest.mark.parametrize("dark", [False, True])
def test_lines_can_be_told_from_the_page(dark):
    def luminance(color):
        channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    page = luminance("#16171a" if dark else "#fdfcfa")
    for color in palette(dark):
        light, deep = sorted([luminance(color), page], reverse=True)
        assert (light + 0.05) / (deep + 0.05) > 1.5, color
