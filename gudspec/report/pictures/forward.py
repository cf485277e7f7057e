"""The forward process on real images, as in GUD (arXiv:2410.02667), Fig. 4."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from gudspec.data import Images
from gudspec.process.dequantize import scale
from gudspec.process.noising import alpha, sigma
from gudspec.report.images import grid
from gudspec.report.pictures.canvas import INK, SOFT, figure
from gudspec.report.view import View

__all__ = ["examples", "forward", "noised"]

TIMES = np.linspace(0, 1, 9)
_GAP = 1


def examples(images: Images, levels: int | None, count: int = 4) -> np.ndarray:
    """A few images, evenly spread over a split, [n, H, W, C] in [−1, 1].

    Args:
        images: the split.
        levels: grey levels of its pixels, or None.
        count: how many, at most.
    """
    rows = np.linspace(0, len(images) - 1, min(count, len(images))).round().astype(int)
    return np.asarray(scale(images.pixels[rows], levels, 0.5), float)


def noised(
    view: View, images: np.ndarray, t: np.ndarray, seed: int, at: Mapping[str, float] | None = None
) -> np.ndarray:
    """Images on their way to the prior: U⁻¹S(α χ + σ ε) + mean, with one ε per image for all times.

    Args:
        view: the design.
        images: [n, H, W, C] in [−1, 1].
        t: times in [0, 1], [T].
        seed: seed of the noise.
        at: parameters of the path; None takes the nominal ones.

    Returns:
        [n, T, H, W, C].
    """
    process = view.process
    chi = process.to_components(np.asarray(images, float))[:, None]
    epsilon = np.random.default_rng(seed).standard_normal(chi.shape)
    gamma = process.gamma(np.asarray(t, float), view.at if at is None else at)
    noisy: np.ndarray = process.to_images(alpha(gamma) * chi + sigma(gamma) * epsilon)
    return noisy


def forward(view: View, images: np.ndarray, title: str) -> Figure:
    """A row for every image [n, H, W, C], a column for every time; values outside [−1, 1] are clipped."""
    strips = noised(view, images, TIMES, view.experiment.seed)
    count, (height, width, _) = len(images), images.shape[1:]
    canvas = grid(strips.reshape(-1, *images.shape[1:]), columns=len(TIMES), gap=_GAP)
    made = figure(f"{title}: forward process", 10.2, 0.75 + 10.0 / len(TIMES) * count * height / width)
    axes = made.add_subplot()
    axes.imshow(canvas, interpolation="nearest")
    centres = (np.arange(len(TIMES)) * (width + _GAP)) + (width - 1) / 2
    axes.set_xticks(centres, [f"t = {t:g}" for t in TIMES])
    axes.set_yticks([])
    axes.tick_params(length=0, labelsize=9, labelcolor=SOFT, pad=5)
    axes.get_xticklabels()[0].set_color(INK)
    axes.set_frame_on(False)
    return made
