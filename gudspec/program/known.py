"""Which components a task is given. Free of JAX: the linter asks too."""

from __future__ import annotations

from typing import Any

import numpy as np

from gudspec.process import bases
from gudspec.program.layout import Layout, Shape
from gudspec.spec.models import tasks as spec

__all__ = ["CLEAN", "hidden_pixels", "known_components"]

CLEAN = -14.0
"""γ of what is known, where no measure says another."""


def hidden_pixels(mask: spec.AnyMask, shape: Shape, given: np.ndarray | None = None) -> np.ndarray:
    """What a mask hides, bool [H, W].

    Args:
        mask: the mask.
        shape: the image, (H, W, C).
        given: content of a file mask, [H, W].
    """
    height, width, _ = shape
    hidden = np.zeros((height, width), bool)
    match mask:
        case spec.RectangleMask(top=top, left=left):
            hidden[top : top + mask.height, left : left + mask.width] = True
        case spec.HalfMask(hidden=side):
            half: dict[str, Any] = {
                "left": np.s_[:, : width // 2],
                "right": np.s_[:, width // 2 :],
                "top": np.s_[: height // 2],
                "bottom": np.s_[height // 2 :],
            }
            hidden[half[side]] = True
        case spec.ScatteredMask(share=share, seed=seed):
            chosen = np.random.default_rng(seed).permutation(hidden.size)[: round(share * hidden.size)]
            hidden.flat[chosen] = True
        case spec.FileMask():
            assert given is not None, "a file mask needs the file"
            hidden = given != 0
    return hidden


def known_components(task: spec.AnyTask, layout: Layout, mask: np.ndarray | None = None) -> np.ndarray | None:
    """The components that are held at the values of the given images, bool [H, W, C]; None of tasks that hold none.

    Args:
        task: the task.
        layout: the basis.
        mask: content of the file of a file mask, [H, W].
    """
    match task:
        case spec.Inpaint():
            return np.broadcast_to(~hidden_pixels(task.mask, layout.shape, mask)[:, :, None], layout.shape)
        case spec.Upscale(levels=levels):
            # LL of the n-fold halved image is 2^n times the image of means
            return bases.wavelet_levels(layout.shape, layout.haar_levels) <= layout.haar_levels - levels
        case spec.Colorize():
            return np.broadcast_to(np.arange(layout.shape[2]) == 0, layout.shape)
        case _:
            return None
