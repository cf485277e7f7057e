"""All checks of a spec."""

from __future__ import annotations

from collections.abc import Iterator

from gudspec.verify.basis import check_basis, check_path
from gudspec.verify.check import Check
from gudspec.verify.gaussian import GaussianData
from gudspec.verify.programs import check_bound, check_likelihood, check_loss
from gudspec.verify.samplers import check_samplers

__all__ = ["verify"]


def verify(data: GaussianData) -> Iterator[Check]:
    """Proves a spec right on Gaussian data with the moments of its own.

    Args:
        data: the Gaussian and the spec's program, of which nothing is trained.

    Yields:
        The checks, as they are made: basis, path, loss, likelihood, bound, samplers.
    """
    for checks in (check_basis, check_path, check_loss, check_likelihood, check_bound, check_samplers):
        yield from checks(data)
