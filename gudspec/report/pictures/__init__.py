"""Pictures of a design on its data, before anything is trained. One file a picture. Free of JAX."""

from gudspec.report.pictures.draw import PICTURES, draw
from gudspec.report.pictures.forward import examples

__all__ = ["PICTURES", "draw", "examples"]
