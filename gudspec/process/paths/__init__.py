"""Paths: the component-wise noise schedules γ(t), one file a family."""

from gudspec.process.paths.attenuated import Attenuated
from gudspec.process.paths.base import Path, Windowed
from gudspec.process.paths.blurring import Blurring, dissipation_rates
from gudspec.process.paths.ddpm import Ddpm
from gudspec.process.paths.exploding import Edm, geometric
from gudspec.process.paths.held import Held
from gudspec.process.paths.hierarchical import Hierarchical, level_columns
from gudspec.process.paths.knots import Knots
from gudspec.process.paths.learned import Learned
from gudspec.process.paths.progressive_blur import ProgressiveBlur
from gudspec.process.paths.rg_cutoff import RgCutoff
from gudspec.process.paths.scalar import Cosine, Linear, RescaledCosine, VariancePreserving
from gudspec.process.paths.sequential import Sequential
from gudspec.process.paths.soft_linear import SoftLinear
from gudspec.process.paths.stages import AveragePool, Dvdp, Subspace, dropped_levels

__all__ = [
    "Attenuated",
    "AveragePool",
    "Blurring",
    "Cosine",
    "Ddpm",
    "Dvdp",
    "Edm",
    "Held",
    "Hierarchical",
    "Knots",
    "Learned",
    "Linear",
    "Path",
    "ProgressiveBlur",
    "RescaledCosine",
    "RgCutoff",
    "Sequential",
    "SoftLinear",
    "Subspace",
    "VariancePreserving",
    "Windowed",
    "dissipation_rates",
    "dropped_levels",
    "geometric",
    "level_columns",
]
