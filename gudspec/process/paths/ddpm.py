"""A table of noise levels, one for each of T discrete steps."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gudspec.process.arrays import Array, Parameters, namespace
from gudspec.process.groups import Groups
from gudspec.process.paths.base import Path

__all__ = ["Ddpm"]


@dataclass(frozen=True, eq=False)
class Ddpm(Path):
    """γ(k) = log((1 − ᾱ_k)/ᾱ_k), ᾱ_k = Π_{j≤k} (1 − β_j), k = 1..T, at t = (k − 1)/(T − 1).

    Denoising Diffusion Probabilistic Models (arXiv:2006.11239), eqs. 2 and 4: t = 0 is k = 1 and t = 1 is k = T.
    In between, the monotone cubic through the table whose slopes at the nodes are the harmonic means of the
    neighbouring differences (Fritsch and Butland, SIAM J. Sci. Stat. Comput. 5, 300 (1984)). It has a continuous
    derivative, so that solvers need not stop at T kinks, and there are no breakpoints.

    >>> Ddpm(Groups.single((1, 1, 1)), np.array([0.5, 0.5, 0.5])).table.round(4).tolist()
    [0.0, 1.0986, 1.9459]

    Args:
        groups: all components in one group.
        betas: β_1..β_T in (0, 1), at least two.
    """

    groups: Groups
    betas: np.ndarray

    @cached_property
    def table(self) -> np.ndarray:
        """γ at k = 1..T, [T]."""
        gamma: np.ndarray = np.log(np.expm1(-np.cumsum(np.log1p(-self.betas))))
        return gamma

    @cached_property
    def _slopes(self) -> np.ndarray:
        """dγ/dk at k = 1..T, [T]."""
        steps = np.diff(self.table)
        return np.concatenate([steps[:1], 2 / (1 / steps[1:] + 1 / steps[:-1]), steps[-1:]])

    def _cubic(self, t: Array) -> tuple[Array, ...]:
        """Place s in [0, 1] between two nodes, and there: first value, difference, and the two slopes, each [b, 1]."""
        xp, last = namespace(t), len(self.betas) - 1
        position = t[:, None] * last
        k = xp.clip(xp.floor(position), 0, last - 1).astype(int)
        table, slopes = (xp.asarray(a, dtype=t.dtype) for a in (self.table, self._slopes))
        return position - k, table[k], table[k + 1] - table[k], slopes[k], slopes[k + 1]

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ [b, 1] at times t [b]."""
        s, value, step, left, right = self._cubic(t)
        return value + s * (left + s * (3 * step - 2 * left - right + s * (left + right - 2 * step)))

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt [b, 1]."""
        s, _, step, left, right = self._cubic(t)
        slope = left + s * (2 * (3 * step - 2 * left - right) + s * 3 * (left + right - 2 * step))
        return (len(self.betas) - 1) * slope
