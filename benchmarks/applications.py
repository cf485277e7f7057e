"""What the networks of specs/applications draw: numbers of docs/applications.md.

    python -m benchmarks.applications --workdir runs/applications

Trains what is not trained yet, each in minutes, and measures what was drawn. Prints JSON.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from sklearn.svm import SVC

import gudspec
from benchmarks import command
from gudspec.data import Source
from gudspec.engine.main import draw
from gudspec.engine.prepare import open_data

_SPECS = "specs/applications"
_IMAGES = 96
"""Of the test split, evenly spread, that are enlarged and coloured."""
_STRIDE, _WINDOW = 4, 16
"""Of extend_tissue.yaml: where strips are joined, and how long the images of training are."""
Numbers = dict[str, float]
Drawn = Callable[..., dict[str, np.ndarray]]
"""(name of an entry, how many if not its own number) → arrays that were drawn."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--workdir", type=Path, help="keeps the runs; default: a folder that is removed")
    command.main(measure, parser)


def measure(workdir: Path | None) -> dict[str, Any]:
    """Numbers of each application."""
    with tempfile.TemporaryDirectory() as folder:
        sides = {}
        for name, numbers in APPLICATIONS.items():
            run = (workdir or Path(folder)) / name
            experiment = gudspec.load(f"{_SPECS}/{name}.yaml")
            gudspec.run(experiment, run)
            found = numbers(open_data(experiment).source, reader(run))
            sides[name] = {what: float(f"{value:.3g}") for what, value in found.items()}
    return {"spec": _SPECS, "sides": sides}


def reader(run: Path) -> Drawn:
    """What a run has drawn, or draws anew where more is asked for."""

    def drawn(name: str, count: int | None = None) -> dict[str, np.ndarray]:
        file = run / "samples" / f"{name}.npz"
        if count is not None:
            (picture,) = draw(run, count, name=name)
            file = Path(picture).with_suffix(".npz")
        with np.load(file) as arrays:
            return dict(arrays)

    return drawn


def classes(source: Source, drawn: Drawn) -> Numbers:
    """How many of the drawn digits are those that were asked for, by a support vector classifier."""

    def flat(images: np.ndarray) -> np.ndarray:
        return images.reshape(len(images), -1)

    classifier = SVC(C=10).fit(flat(source.train.pixels / 8 - 1), source.train.labels)
    found = {"right about test images": classifier.score(flat(source.test.pixels / 8 - 1), source.test.labels)}
    for name in ("conditional", "guided", "ignored"):
        images = drawn(name)["images"]
        found[f"{name}, as asked"] = classifier.score(flat(images), np.arange(len(images)) % source.classes)
    return found


def upscaled(source: Source, drawn: Drawn) -> Numbers:
    """Drawn details against the true ones, and against two ways to have none."""
    arrays = drawn("large", _IMAGES)
    draws, originals = arrays["images"], arrays["originals"]
    small = halved(originals)
    bilinear = np.asarray(jax.image.resize(small, originals.shape, "bilinear"))
    return {
        "error of what was given": np.abs(halved(draws) - small).max(),
        "deviation of details": np.std(draws - doubled(halved(draws))),
        "deviation of true details": np.std(originals - doubled(small)),
        "PSNR of draws": psnr(draws, originals),
        "PSNR of repeated pixels": psnr(doubled(small), originals),
        "PSNR of bilinear interpolation": psnr(bilinear, originals),
    }


def coloured(source: Source, drawn: Drawn) -> Numbers:
    """Drawn colours against the true ones, and against the mean colours."""
    arrays = drawn("coloured", _IMAGES)
    draws, originals = arrays["images"], arrays["originals"]
    luma, true, own = originals.mean(-1, keepdims=True), chroma(originals), chroma(draws)
    mean = true.mean((0, 1, 2))
    return {
        "error of the luma": np.abs(draws.mean(-1, keepdims=True) - luma).max(),
        "correlation of colours": np.corrcoef((own - mean).ravel(), (true - mean).ravel())[0, 1],
        "deviation of colours": np.sqrt(np.mean((own - mean) ** 2)),
        "deviation of true colours": np.sqrt(np.mean((true - mean) ** 2)),
        "PSNR of draws": psnr(draws, originals),
        "PSNR of the mean colours": psnr(luma + mean, originals),
    }


def extended(source: Source, drawn: Drawn) -> Numbers:
    """Columns of strips, at the joints and elsewhere, against those of the training images."""
    strips, texture = drawn("strips")["images"], source.train.pixels / 127.5 - 1
    steps = np.sqrt(np.mean(np.diff(strips, axis=2) ** 2, axis=(0, 1, 3)))
    behind = np.arange(1, strips.shape[2])
    joints = (behind >= _WINDOW) & (behind % _STRIDE == 0)
    found = {
        "step at the joints": np.sqrt(np.mean(steps[joints] ** 2)),
        "step elsewhere": np.sqrt(np.mean(steps[~joints] ** 2)),
        "step in the texture": np.sqrt(np.mean(np.diff(texture, axis=2) ** 2)),
        "deviation": np.std(strips),
        "deviation of the texture": np.std(texture),
    }
    for images, of in ((strips, ""), (texture, " in the texture")):
        found |= {f"correlation at {far}{of}": correlated(images, far) for far in (1, 4, 12)}
    return found


def halved(images: np.ndarray) -> np.ndarray:
    """Means of 2×2 pixels."""
    count, height, width, channels = images.shape
    return images.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4))


def doubled(images: np.ndarray) -> np.ndarray:
    """Every pixel four times."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def chroma(images: np.ndarray) -> np.ndarray:
    """What is left of a pixel without its mean."""
    return images - images.mean(-1, keepdims=True)


def psnr(images: np.ndarray, originals: np.ndarray) -> float:
    """Peak signal to noise ratio in dB, of pixels in [−1, 1]."""
    return 10 * math.log10(4 / np.mean((images - originals) ** 2))


def correlated(images: np.ndarray, far: int) -> float:
    """Correlation of columns so far from each other."""
    centred = images - images.mean((0, 1, 2))
    left, right = centred[:, :, :-far], centred[:, :, far:]
    return float(np.mean(left * right) / np.sqrt(np.mean(left**2) * np.mean(right**2)))


APPLICATIONS = {
    "classes_digits": classes,
    "upscale_photos": upscaled,
    "colourize_photos": coloured,
    "extend_tissue": extended,
}

if __name__ == "__main__":
    main()
