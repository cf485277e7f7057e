"""The process: a basis, a prior and a path, bound to the statistics of the data."""

from dataclasses import dataclass

from gudspec.process.arrays import Array, Parameters
from gudspec.process.bases.base import Basis
from gudspec.process.paths.base import Path

__all__ = ["Process"]


@dataclass(frozen=True, eq=False)
class Process:
    """χ = M (φ − mean), M = S⁻¹U, diffused along γ(t) towards N(0, 1) (GUD, §4.1).

    Args:
        basis: U.
        mean: mean of the training images, [H, W, C].
        scale: S, standard deviations of the prior noise per component, [H, W, C].
        variance: Σ of the components χ, that is after division by S, [H, W, C].
        path: γ(t).
    """

    basis: Basis
    mean: Array
    scale: Array
    variance: Array
    path: Path

    def to_components(self, images: Array) -> Array:
        """χ = S⁻¹U(φ − mean): images [..., H, W, C] in [−1, 1] to components [..., H, W, C]."""
        return self.basis.forward(images - self.mean) / self.scale

    def to_images(self, components: Array) -> Array:
        """φ = U⁻¹S χ + mean: components [..., H, W, C] to images [..., H, W, C]."""
        return self.basis.inverse(self.scale * components) + self.mean

    def gamma(self, t: Array, parameters: Parameters) -> Array:
        """γ at times t [b] per component: [b, H, W, C], or [b, 1, 1, 1] when all components share one value."""
        return self.path.groups.expand(self.path.gamma(t, parameters))

    def gamma_dot(self, t: Array, parameters: Parameters) -> Array:
        """dγ/dt at times t [b] per component, of the shape of `gamma`."""
        return self.path.groups.expand(self.path.gamma_dot(t, parameters))
