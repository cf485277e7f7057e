"""Densities whose score is known exactly: what every compiled program can be checked against."""

from gudspec.process.oracles.mixture import GaussianMixture

__all__ = ["GaussianMixture"]
