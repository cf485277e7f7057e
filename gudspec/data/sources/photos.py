"""Patches of the colour photographs that scikit-learn and scikit-image ship."""

from gudspec.data.source import Images, Source
from gudspec.data.sources.files import bundled, picture
from gudspec.data.sources.patches import shrink, split_patches
from gudspec.spec.models.data import Photos

__all__ = ["PHOTOGRAPHS", "read"]

PHOTOGRAPHS = (
    ("skimage", "data", "astronaut.png"),
    ("skimage", "data", "chelsea.png"),
    ("skimage", "data", "coffee.png"),
    ("skimage", "data", "motorcycle_left.png"),
    ("skimage", "data", "rocket.jpg"),
    ("sklearn", "datasets", "images", "china.jpg"),
    ("sklearn", "datasets", "images", "flower.jpg"),
)
"""Every natural colour photograph inside the two wheels; nothing is downloaded."""


def read(spec: Photos) -> Source:
    """Overlapping colour patches of 256 levels, photograph by photograph."""
    pictures = (picture(bundled(*parts), 3, "data.source.kind") for parts in PHOTOGRAPHS)
    small = (shrink(pixels[None], spec.downscale)[0] for pixels in pictures)
    train, test = split_patches(small, spec.size, spec.stride)
    return Source.of(Images(train), Images(test), levels=256)
