"""Patches of the textures that scikit-image ships."""

from gudspec.data.source import Images, Source
from gudspec.data.sources.files import bundled, picture
from gudspec.data.sources.patches import shrink, split_patches
from gudspec.spec.models.data import Textures

__all__ = ["read"]

_FILES = {
    "immunohistochemistry": ("ihc.png", 3),
    "grass": ("grass.png", 1),
    "brick": ("brick.png", 1),
    "gravel": ("gravel.png", 1),
}


def read(spec: Textures) -> Source:
    """Overlapping patches of one 512×512 texture, 256 levels."""
    name, channels = _FILES[spec.name]
    pixels = picture(bundled("skimage", "data", name), channels, "data.source.name")
    train, test = split_patches(shrink(pixels[None], spec.downscale), spec.size, spec.stride)
    return Source.of(Images(train), Images(test), levels=256)
