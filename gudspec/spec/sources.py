"""What is known about a source's images before any is read."""

from gudspec.spec.models.data import (
    AnySource,
    Cifar10,
    Digits,
    Folder,
    GaussianField,
    GaussianMixture,
    Latents,
    LatticeField,
    Npz,
    Pcam,
    Photos,
    Shape,
    Textures,
)

__all__ = ["classes", "counts", "levels", "shape", "validates"]


def shape(source: AnySource) -> Shape | None:
    """Height, width and channels of the images, or None where only the data can tell.

    Example:
        >>> shape(Digits(kind="digits"))
        (8, 8, 1)
    """
    match source:
        case Digits():
            return (8, 8, 1)
        case Photos(size=size):
            return (size, size, 3)
        case Textures(name=name, size=size):
            return (size, size, 3 if name == "immunohistochemistry" else 1)
        case Cifar10():
            return (32, 32, 3)
        case Pcam(downscale=downscale):
            return (96 // downscale, 96 // downscale, 3)
        case Folder(size=size, channels=channels):
            return (size, size, channels)
        case GaussianField(size=size, channels=channels) | GaussianMixture(size=size, channels=channels):
            return (size, size, channels)
        case LatticeField(size=size):
            return (size, size, 1)
        case Latents(shape=known):
            return known
        case Npz():
            return None


def levels(source: AnySource) -> int | None:
    """Number of grey levels of the quantized images; None for real-valued ones."""
    match source:
        case Digits():
            return 17
        case Npz(levels=number):
            return number
        case GaussianField() | GaussianMixture() | LatticeField() | Latents():
            return None
    return 256


def classes(source: AnySource) -> int | None:
    """Number of class labels; 0 for a source without labels, None where only the data can tell."""
    match source:
        case Digits() | Cifar10():
            return 10
        case Pcam():
            return 2
        case GaussianMixture(modes=modes):
            return modes
        case Npz() | Latents():
            return None
    return 0


def validates(source: AnySource) -> bool:
    """Whether the source publishes a validation split of its own."""
    return isinstance(source, Pcam)


def counts(source: AnySource) -> dict[str, int]:
    """Number of images of every published split, before `data.validation`; empty where only the data can tell.

    >>> counts(GaussianField(kind="gaussian_field", count=100))
    {'train': 100, 'test': 25}
    """
    match source:
        case Digits():
            return {"train": 1437, "test": 360}
        case Cifar10():
            return {"train": 50_000, "test": 10_000}
        case Pcam():
            return {"train": 262_144, "validation": 32_768, "test": 32_768}
        case GaussianField(count=count) | GaussianMixture(count=count) | LatticeField(count=count):
            return {"train": count, "test": max(1, count // 4)}
    return {}
