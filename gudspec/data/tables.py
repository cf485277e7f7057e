"""Numbers that a design takes from files: axes of a basis, scales of a prior, the values of an ordering."""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gudspec.data.errors import MALFORMED, DataError
from gudspec.data.sources.files import existing
from gudspec.spec.models.bases import ColorBasis, MatrixBasis, spatial
from gudspec.spec.models.design import Design
from gudspec.spec.models.orderings import FileOrdering
from gudspec.spec.models.priors import FilePrior
from gudspec.spec.models.tasks import FileMask

__all__ = ["read_mask", "read_tables"]

_TOLERANCE = 1e-4
"""Largest |UUᵀ − 1| of a matrix that counts as orthogonal."""

Shape = tuple[int, int, int]


def read_tables(design: Design, shape: Shape) -> dict[str, np.ndarray]:
    """The arrays that a design names by `path`, in float64.

    Args:
        design: the `design` of a spec.
        shape: the images, (H, W, C).

    Returns:
        `axes` of a matrix basis, [HW, HW] or [HWC, HWC]; `scale` of a file prior and `order` of a file ordering,
        each [H, W, C]. Only what the design names.

    Raises:
        DataError: a file is missing, cannot be read, or is not what its field asks for.
    """
    return dict(_tables(design, shape))


def read_mask(mask: FileMask, shape: Shape, field: str) -> np.ndarray:
    """The numbers of a mask's file, [H, W].

    Args:
        mask: the mask.
        shape: the images, (H, W, C).
        field: where the spec names it, from its root.

    Raises:
        DataError: the file is missing, cannot be read, or is not of the size of the images.
    """
    return _array(mask.path, field, (shape[:2],))


def _tables(design: Design, shape: Shape) -> Iterator[tuple[str, np.ndarray]]:
    height, width, channels = shape
    basis, prior, ordering = spatial(design.basis), design.prior, getattr(design.schedule, "ordering", None)
    if isinstance(basis, MatrixBasis):
        field = "design.basis.spatial.path" if isinstance(design.basis, ColorBasis) else "design.basis.path"
        sizes = (height * width, height * width * channels)
        axes = _array(basis.path, field, tuple((size, size) for size in sizes))
        error = float(np.abs(axes @ axes.T - np.eye(len(axes))).max())
        if error > _TOLERANCE:
            why = f"its rows are not orthonormal: |UUᵀ − 1| reaches {error:.3g}, at most {_TOLERANCE:g} is rounding"
            raise _malformed(basis.path, field, why)
        yield "axes", axes
    if isinstance(prior, FilePrior):
        field = "design.prior.path"
        scale = _array(prior.path, field, (shape, (height, width, 1)))
        if scale.min() <= 0:
            why = f"its smallest number is {scale.min():.3g}, but standard deviations are above 0"
            raise _malformed(prior.path, field, why)
        yield "scale", np.broadcast_to(scale, shape)
    if isinstance(ordering, FileOrdering):
        shapes = ((height, width, 1), *([shape] if ordering.colors == "separate" else []))
        order = _array(ordering.path, "design.schedule.ordering.path", shapes)
        yield "order", np.broadcast_to(order, shape)


def _array(name: str, field: str, shapes: tuple[tuple[int, ...], ...]) -> np.ndarray:
    path = existing(Path(name).expanduser(), field, "write it with numpy.save")
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            arrays = [loaded] if isinstance(loaded, np.ndarray) else [loaded[key] for key in loaded.files]
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise _malformed(name, field, f"it cannot be read ({error})") from error
    if len(arrays) != 1:
        raise _malformed(name, field, f"it has {len(arrays)} arrays, not one")
    (array,) = arrays
    if array.shape not in shapes:
        expected = " or ".join(str(list(shape)) for shape in dict.fromkeys(shapes))
        raise _malformed(name, field, f"its shape is {list(array.shape)}, but these images need {expected}")
    if array.dtype.kind not in "fiu":
        raise _malformed(name, field, f"it is {array.dtype}, not real numbers")
    if wrong := int((~np.isfinite(array)).sum()):
        raise _malformed(name, field, f"{wrong} of its {array.size} numbers are not finite")
    return array.astype(np.float64)


def _malformed(path: str, field: str, why: str) -> DataError:
    return DataError(MALFORMED, field, f"{path}: {why}")
