"""Paths: the component-wise noise schedules γ(t), one file a family."""

from gudspec.process.paths.base import Path, Windowed
from gudspec.process.paths.hierarchical import Hierarchical, level_columns
from gudspec.process.paths.scalar import Cosine, Linear, VariancePreserving
from gudspec.process.paths.sequential import Sequential
from gudspec.process.paths.soft_linear import SoftLinear

__all__ = [
    "Cosine",
    "Hierarchical",
    "Linear",
    "Path",
    "Sequential",
    "SoftLinear",
    "VariancePreserving",
    "Windowed",
    "level_columns",
]
