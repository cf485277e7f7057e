"""The pixel basis."""

from gudspec.process.arrays import Array
from gudspec.process.bases.base import Basis

__all__ = ["Pixel"]


class Pixel(Basis):
    """U = 1: components are pixels."""

    def forward(self, image: Array) -> Array:
        """The image itself."""
        return image

    def inverse(self, components: Array) -> Array:
        """The components themselves."""
        return components
