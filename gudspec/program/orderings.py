"""From `ordering` of a schedule to the variable l of every group. Free of JAX."""

from __future__ import annotations

import numpy as np

from gudspec.process import bases, orderings
from gudspec.process.arrays import Array, namespace
from gudspec.process.groups import Groups
from gudspec.program.layout import Layout
from gudspec.spec.models import orderings as spec

__all__ = ["groups_of_ordering", "ordering_of"]


def groups_of_ordering(ordering: spec.AnyOrdering, layout: Layout) -> Groups:
    """The components that an ordering keeps together."""
    match ordering:
        case spec.ColumnOrdering():
            return Groups.columns(layout.shape)
        case spec.RowOrdering():
            return Groups.rows(layout.shape)
        case spec.PatchOrdering(size=size):
            return Groups.patches(layout.shape, size)
        case spec.LevelOrdering():
            return Groups.of(bases.wavelet_levels(layout.shape, layout.haar_levels))
        case spec.RandomOrdering(colors="shared") | spec.FileOrdering(colors="shared"):
            return layout.groups.over_colors()
        case _:
            return layout.groups


def ordering_of(
    ordering: spec.AnyOrdering, groups: Groups, layout: Layout, variance: Array, given: Array | None = None
) -> orderings.Ordering:
    """The ordering variable l per group.

    Args:
        ordering: the spec.
        groups: components that share a value; at least as fine as `groups_of_ordering`.
        layout: the basis.
        variance: Σ of the unscaled components, [H, W, C].
        given: l of every component from a file, [H, W, C]; needed by the file ordering only.
    """
    coarse = groups_of_ordering(ordering, layout)
    match ordering:
        case spec.NegLogVarianceOrdering():
            return orderings.Fixed(_neg_log(groups.pick(variance)))
        case spec.FrequencyOrdering() | spec.MixtureOrdering():
            assert layout.frequencies is not None, "this basis has no frequencies"
            return orderings.Mixture(_neg_log(groups.pick(variance)), groups.pick(layout.frequencies))
        case spec.RandomOrdering(seed=seed):
            return orderings.Fixed(groups.pick(np.random.default_rng(seed).permutation(coarse.count)[coarse.index]))
        case spec.FileOrdering():
            assert given is not None, "a file ordering needs the file"
            return orderings.Fixed(groups.pick(given))
        case spec.ColumnOrdering(first="right") | spec.RowOrdering(first="bottom"):
            return orderings.Fixed(groups.pick(-coarse.index))
        case _:  # structural groups, numbered in their order
            return orderings.Fixed(groups.pick(coarse.index))


def _neg_log(variance: Array) -> Array:
    return -namespace(variance).log(variance)
