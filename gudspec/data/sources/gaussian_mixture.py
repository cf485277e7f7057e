"""An equal mixture of isotropic Gaussians: real-valued images of known, non-Gaussian density."""

import numpy as np

from gudspec.data.source import Images, Source
from gudspec.spec.models.data import GaussianMixture

__all__ = ["mixture_means", "read"]


def mixture_means(spec: GaussianMixture) -> np.ndarray:
    """The means of the modes, uniform in [−0.8, 0.8]; each mode has standard deviation `spread` in every pixel.

    Args:
        spec: the source.

    Returns:
        float64 [modes, H, W, C].
    """
    shape = (spec.modes, spec.size, spec.size, spec.channels)
    return np.random.default_rng([spec.seed, 2]).uniform(-0.8, 0.8, shape)


def read(spec: GaussianMixture) -> Source:
    """`count` training images and a quarter as many test images, float32; labels are the modes."""
    sizes = (spec.count, max(1, spec.count // 4))
    train, test = (_draw(spec, stream, size) for stream, size in enumerate(sizes))
    return Source.of(train, test, levels=None, classes=spec.modes, identity=spec.model_dump_json())


def _draw(spec: GaussianMixture, stream: int, count: int) -> Images:
    rng = np.random.default_rng([spec.seed, stream])
    labels = rng.integers(spec.modes, size=count, dtype=np.int32)
    means = mixture_means(spec)[labels]
    return Images((means + spec.spread * rng.standard_normal(means.shape)).astype(np.float32), labels)
