"""Latents of another source's images: what they are of, and what their likelihood is one of."""

import math
from dataclasses import dataclass

import numpy as np

from gudspec.data.source import Images
from gudspec.process.dequantize import bits_offset

__all__ = ["Encoded"]


@dataclass(frozen=True)
class Encoded:
    """Where latents come from.

    Args:
        workdir: the autoencoder's.
        design_hash: of the autoencoder: its images, its network, its training.
        parameters_sha256: of the autoencoder's last parameters.
        shape: the images, (H, W, C).
        levels: grey levels of the images; None if they are real-valued.
        classes: number of class labels.
        sampled: the latents were drawn from q(z|x), and are not its means.
    """

    workdir: str
    design_hash: str
    parameters_sha256: str
    shape: tuple[int, int, int]
    levels: int | None
    classes: int
    sampled: bool

    def bits_of_images(self, bits: np.ndarray, latents: Images) -> np.ndarray:
        """Bits/dim of images from those of their latents: −log p(x) ≤ −log p(z) − log p(x|z) + log q(z|x) on average.

        Args:
            bits: −log p(z) per dimension of the latents and in bits, [n].
            latents: the latents, drawn from q(z|x), with their remainders.

        Returns:
            float64 [n].
        """
        assert latents.remainder is not None
        nats = np.asarray(bits, float) * math.prod(latents.shape) * math.log(2) + latents.remainder
        of_images: np.ndarray = nats / (math.prod(self.shape) * math.log(2)) + bits_offset(self.levels)
        return of_images
