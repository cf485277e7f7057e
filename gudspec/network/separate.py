"""Several networks that take turns."""

from collections.abc import Iterable
from typing import Any

from flax import nnx
from jax import Array

__all__ = ["Separate"]


class Separate(nnx.Module):
    """A network of its own for every grid.

    Args:
        networks: that of the whole image, then those of the image halved once, twice, ….
    """

    def __init__(self, networks: Iterable[nnx.Module]):
        self.networks = nnx.List(networks)

    def __call__(
        self, image: Array, tokens: Array, labels: Array | None = None, *, halvings: int = 0, **options: Any
    ) -> Array:
        """The prediction of the network of this grid; see `gudspec.network.unet.Unet`."""
        predicted: Array = self.networks[halvings](image, tokens, labels, **options)
        return predicted
