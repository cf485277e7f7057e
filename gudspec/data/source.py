"""Images in memory: what every source is read into."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gudspec.data.encoded import Encoded

__all__ = ["Images", "Source"]


@dataclass(frozen=True, eq=False)
class Images:
    """One split: its pixels and, where the source has them, its labels."""

    pixels: np.ndarray
    """[n, H, W, C]: uint8 below the source's `levels`, or float32 around [−1, 1]; perhaps a memory map."""
    labels: np.ndarray | None = None
    """int32 [n], from 0."""
    remainder: np.ndarray | None = None
    """Of latents, −log p(x|z) + log q(z|x) of their images in nats, float64 [n]."""

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        _, height, width, channels = self.pixels.shape
        return height, width, channels

    def take(self, rows: np.ndarray) -> "Images":
        """The images at `rows`: an integer array [m]."""
        labels, remainder = (None if one is None else one[rows] for one in (self.labels, self.remainder))
        return Images(self.pixels[rows], labels, remainder)

    def spread(self, count: int) -> "Images":
        """So many images, evenly spread over all and in their order: neighbours may be patches of one photograph.

        Args:
            count: how many; where that is more than there are, all of them again and again.
        """
        if count > len(self):
            return self.take(np.arange(count) % len(self))
        return self if count == len(self) else self.take(np.arange(count) * len(self) // count)

    def chunks(self, size: int) -> Iterator[np.ndarray]:
        """The pixels in order, at most `size` images at a time."""
        for start in range(0, len(self), size):
            yield self.pixels[start : start + size]


@dataclass(frozen=True, eq=False)
class Source:
    """A data set. Build it with `Source.of`, which fingerprints the content."""

    train: Images
    test: Images
    validation: Images | None
    """The published validation split, or the one that `splits` carved off; None if there is none."""
    levels: int | None
    """Grey levels of quantized pixels; None for real-valued images."""
    classes: int
    """Number of classes; 0 without labels."""
    fingerprint: str
    """SHA-256 of what the data is: the identity under which results and statistics are filed."""
    encoded: "Encoded | None" = None
    """Of latents, what they are latents of."""

    @classmethod
    def of(
        cls,
        train: Images,
        test: Images,
        *,
        validation: Images | None = None,
        levels: int | None,
        classes: int = 0,
        identity: str | None = None,
    ) -> "Source":
        """A source, fingerprinted over every pixel and label of every split.

        Args:
            train: training images.
            test: test images.
            validation: published validation images.
            levels: grey levels, or None.
            classes: number of classes, or 0.
            identity: a text that says it all, to be hashed instead of the content; for drawn data, whose last bits may
                differ between machines.

        Returns:
            The source.
        """
        if identity is None:
            digest = _content_hash((train, validation, test), levels)
        else:
            digest = hashlib.sha256(identity.encode()).hexdigest()
        return cls(train, test, validation, levels, classes, digest)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of one image."""
        return self.train.shape


def _content_hash(splits: tuple[Images | None, ...], levels: int | None) -> str:
    digest = hashlib.sha256(f"levels={levels}".encode())
    for images in splits:
        for array in (None, None) if images is None else (images.pixels, images.labels):
            if array is None:
                digest.update(b"|none")
                continue
            digest.update(f"|{array.dtype.str}{array.shape}".encode())
            for start in range(0, len(array), 4096):  # piecewise: memory maps stay out of memory
                digest.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return digest.hexdigest()
