"""What a basis is."""

import abc

from gudspec.process.arrays import Array
from gudspec.process.groups import Groups

__all__ = ["Basis"]


class Basis(abc.ABC):
    """An orthogonal map U from images to components (GUD, eq. 11).

    Components are laid out as an array of the image's shape, so that one shape serves every basis.
    Laws: `inverse(forward(x)) = x`, norms are kept, and white noise stays white.
    """

    @abc.abstractmethod
    def forward(self, image: Array) -> Array:
        """U φ: images [..., H, W, C] to components [..., H, W, C]."""

    @abc.abstractmethod
    def inverse(self, components: Array) -> Array:
        """U⁻¹ c: components [..., H, W, C] to images [..., H, W, C]."""

    def groups(self, shape: tuple[int, int, int]) -> Groups:
        """The finest partition on which a path may differ: components that always belong together share a group."""
        return Groups.components(shape)
