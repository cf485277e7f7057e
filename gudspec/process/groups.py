"""Groups: components that share their noising state by construction."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gudspec.process.arrays import Array

__all__ = ["Groups"]


@dataclass(frozen=True, eq=False)
class Groups:
    """A static partition of the components of an image.

    Args:
        index: integers [H, W, C], the group of every component; groups are numbered from 0 without gaps.
    """

    index: np.ndarray

    @cached_property
    def count(self) -> int:
        """Number of groups, G."""
        return int(self.index.max()) + 1

    @cached_property
    def representative(self) -> np.ndarray:
        """Flat position of one component of every group, [G]."""
        return np.unique(self.index, return_index=True)[1]

    def expand(self, values: Array) -> Array:
        """Values per group [..., G] as values per component [..., H, W, C]."""
        if values.shape[-1] == 1:  # one for all: leave the broadcast to the consumer, no gather
            return values[..., None, None]
        if self._each:
            return values.reshape(*values.shape[:-1], *self.index.shape)
        return values[..., self.index]

    def pick(self, components: Array) -> Array:
        """Values per component [..., H, W, C], equal within groups, as values per group [..., G]."""
        flat = components.reshape((*components.shape[:-3], -1))
        if flat.shape[-1] == 1:  # a value that is the same everywhere may come unexpanded
            return flat if self.count == 1 else flat.repeat(self.count, axis=-1)
        return flat if self._each else flat[..., self.representative]

    @cached_property
    def _each(self) -> bool:
        """Whether every component is a group of its own, in their order: nothing has to be gathered."""
        return self.count == self.index.size and bool((np.diff(self.index.ravel()) == 1).all())

    def spread(self, values: Array, finer: Groups) -> Array:
        """Values per group [..., G] as values per group of a finer partition, [..., F]."""
        return values[..., self.index.reshape(-1)[finer.representative]]

    def joined(self, other: Groups) -> Groups:
        """The coarsest partition that refines both.

        >>> Groups.columns((2, 2, 1)).joined(Groups.rows((2, 2, 1))).index[..., 0]
        array([[0, 2],
               [1, 3]])
        """
        return Groups.of(self.index * other.count + other.index)

    def refines(self, other: Groups) -> bool:
        """Whether every group of this partition lies inside one group of `other`."""
        return bool(np.array_equal(other.index.reshape(-1)[self.representative][self.index], other.index))

    @classmethod
    def of(cls, labels: np.ndarray) -> Groups:
        """The partition into components of equal label, groups in ascending order of their labels.

        >>> Groups.of(np.array([[[7], [3]], [[3], [9]]])).index[..., 0]
        array([[1, 0],
               [0, 2]])
        """
        return cls(np.unique(labels, return_inverse=True)[1].reshape(labels.shape))

    @classmethod
    def single(cls, shape: tuple[int, int, int]) -> Groups:
        """All components in one group."""
        return cls(np.zeros(shape, int))

    @classmethod
    def components(cls, shape: tuple[int, int, int]) -> Groups:
        """Every component a group of its own."""
        return cls(np.arange(np.prod(shape)).reshape(shape))

    @classmethod
    def columns(cls, shape: tuple[int, int, int]) -> Groups:
        """Columns of the component layout, left to right."""
        return cls(np.broadcast_to(np.arange(shape[1])[:, None], shape).copy())

    @classmethod
    def rows(cls, shape: tuple[int, int, int]) -> Groups:
        """Rows of the component layout, top to bottom."""
        return cls(np.broadcast_to(np.arange(shape[0])[:, None, None], shape).copy())

    @classmethod
    def patches(cls, shape: tuple[int, int, int], size: int) -> Groups:
        """Square patches of the component layout, in reading order; `size` divides both sides.

        >>> Groups.patches((4, 4, 1), 2).index[..., 0]
        array([[0, 0, 1, 1],
               [0, 0, 1, 1],
               [2, 2, 3, 3],
               [2, 2, 3, 3]])
        """
        rows, columns = np.arange(shape[0]) // size, np.arange(shape[1]) // size
        return cls.of(np.broadcast_to((rows[:, None] * shape[1] + columns)[:, :, None], shape))

    def pooled(self, components: np.ndarray) -> np.ndarray:
        """Values per component [H, W, C], each replaced by the mean of its group; NumPy only.

        >>> Groups.columns((2, 2, 1)).pooled(np.array([[[1.0], [2.0]], [[3.0], [4.0]]]))[..., 0]
        array([[2., 3.],
               [2., 3.]])
        """
        index = self.index.ravel()
        mean: np.ndarray = (np.bincount(index, components.ravel()) / np.bincount(index))[self.index]
        return mean

    @classmethod
    def colors(cls, shape: tuple[int, int, int]) -> Groups:
        """Channels of the component layout."""
        return cls(np.broadcast_to(np.arange(shape[2]), shape).copy())

    @classmethod
    def pixels(cls, shape: tuple[int, int, int]) -> Groups:
        """Places of the component layout, all channels together."""
        return cls.components(shape).over_colors()

    def over_colors(self) -> Groups:
        """This partition, with the channels at one place of the layout together.

        >>> Groups.components((1, 2, 3)).over_colors().index.tolist()
        [[[0, 0, 0], [1, 1, 1]]]
        """
        return Groups.of(np.broadcast_to(self.index[..., :1], self.index.shape))
