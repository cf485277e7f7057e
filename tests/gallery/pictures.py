"""Pictures of the gallery: `python -m tests.gallery.pictures [FOLDER…]`, or `make gallery` for all; look at them.

One file for each system, docs/images/gallery/NAME.png: an image on its way to the prior above, and below when each
group is noised. They are those of `gudspec show --figures`, small enough for a table.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from gudspec.engine.prepare import open_data, statistics_of
from gudspec.process.noising import beta
from gudspec.report.images import grid
from gudspec.report.pictures import examples
from gudspec.report.pictures.canvas import INK, SOFT, STRONG, figure
from gudspec.report.pictures.forward import noised
from gudspec.report.view import View
from gudspec.spec.load import load

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs/images/gallery"
LARGEST = 60_000
"""Bytes of a picture, at most."""
PHOTOS = "data.source={kind: photos, size: 32, stride: 16, downscale: 6}"
TISSUE = "data.source={kind: textures, name: immunohistochemistry, size: 32, stride: 16, downscale: 4}"
SYSTEMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gud_pca": ("gud/cifar10.yaml", (PHOTOS, "design.schedule.inverse_softness.value=1.6")),
    "gud_whitened": ("gud/cifar10_whitened.yaml", (PHOTOS,)),
    "gud_fourier": ("gud/cifar10_fourier.yaml", (PHOTOS, "design.schedule.ordering.r.value=1.0")),
    "gud_columns": ("gud/pcam_b05.yaml", (TISSUE,)),
    "gud_haar": ("gud/cifar10_haar.yaml", (PHOTOS,)),
    "ddpm": ("ddpm/cifar10.yaml", (PHOTOS,)),
    "score_sde": ("score_sde/cifar10_vp.yaml", (PHOTOS,)),
    "vdm": ("vdm/cifar10.yaml", (PHOTOS,)),
    "edm": ("edm/cifar10.yaml", (PHOTOS,)),
    "blurring": ("blurring/cifar10.yaml", (PHOTOS,)),
    "wavelet": ("wavelet/celebahq128.yaml", (PHOTOS,)),
    "cascaded": ("cascaded/imagenet64.yaml", (PHOTOS,)),
    "pyramidal": ("pyramidal/ffhq256.yaml", (PHOTOS,)),
    "subspace": ("subspace/cifar10.yaml", (PHOTOS,)),
    "dvdp": ("dvdp/ffhq1024.yaml", (PHOTOS,)),
    "fdm": ("fdm/ffhq256.yaml", (PHOTOS,)),
    "fdm_blur": ("fdm/ffhq256_blur.yaml", (PHOTOS,)),
    "forcing": ("forcing/pcam.yaml", (TISSUE,)),
    "exact_rg": ("exact_rg/phi4.yaml", ("data.source.count=256",)),
}
"""Spec of every picture, and what is changed for it: shipped images take the place of published ones."""
TIMES = np.linspace(0, 1, 7)
GROUPS = 48


def picture(spec: Path, changes: tuple[str, ...]) -> Figure:
    """The forward process of one image, and β(t) of up to 48 groups, a row each, first generated on top."""
    prepared = open_data(load(spec, changes))
    view = View(prepared.experiment, statistics_of(prepared))
    images = examples(prepared.source.train, prepared.source.levels, 5)[3:4]
    strip = noised(view, images, TIMES, 0)[0]
    if prepared.source.levels is None:  # fields without grey levels: as wide as three of their deviations
        strip = strip / (3 * images.std())
    chosen = view.spread(GROUPS)
    t = (np.arange(400) + 0.5) / 400
    rate = beta(view.gamma(t, chosen), view.gamma_dot(t, chosen))

    made = figure("", 4.2, 1.75, layout="compressed")
    above, below = made.subplots(2, 1, height_ratios=[1, 1.15])
    above.imshow(grid(strip, columns=len(strip)), aspect="auto", interpolation="nearest")
    above.set_axis_off()
    below.imshow(
        rate / np.quantile(rate, 0.98, axis=1, keepdims=True).clip(1e-9),
        aspect="auto",
        extent=(0, 1, len(chosen) + 0.5, 0.5),
        cmap=STRONG,
        vmin=0,
        vmax=1,
        interpolation="nearest",
    )
    below.set_yticks([])
    below.set_xticks([0, 0.5, 1], ["data", "t", "prior"])
    below.tick_params(length=0, labelsize=8, labelcolor=SOFT, pad=3)
    below.set_ylabel("first ↑", fontsize=8, color=INK)
    for side in below.spines.values():
        side.set_visible(False)
    return made


def write(name: str) -> Path:
    """Draws one system.

    Raises:
        ValueError: it is larger than `LARGEST`.
    """
    spec, changes = SYSTEMS[name]
    path = IMAGES / f"{name}.png"
    IMAGES.mkdir(parents=True, exist_ok=True)
    picture(ROOT / "specs" / spec, changes).savefig(
        path, dpi=150, metadata={"Software": None}, pil_kwargs={"optimize": True}
    )
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, more than {LARGEST}")
    return path


if __name__ == "__main__":
    for chosen in sys.argv[1:] or SYSTEMS:
        print(write(chosen).relative_to(ROOT))
