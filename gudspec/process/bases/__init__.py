"""Bases: the orthogonal map U of GUD, eq. (11), one file each."""

from gudspec.process.bases.base import Basis
from gudspec.process.bases.color import OPPONENT, Color, coarser
from gudspec.process.bases.dct import Dct, cosine_frequencies
from gudspec.process.bases.fourier import Fourier, frequencies
from gudspec.process.bases.haar import Haar, wavelet_columns, wavelet_levels
from gudspec.process.bases.matrix import Matrix
from gudspec.process.bases.pca import Pca, principal_axes
from gudspec.process.bases.pixel import Pixel

__all__ = [
    "OPPONENT",
    "Basis",
    "Color",
    "Dct",
    "Fourier",
    "Haar",
    "Matrix",
    "Pca",
    "Pixel",
    "coarser",
    "cosine_frequencies",
    "frequencies",
    "principal_axes",
    "wavelet_columns",
    "wavelet_levels",
]
