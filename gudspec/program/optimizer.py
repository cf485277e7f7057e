"""The optimizer of a spec, from optax."""

from typing import Any

import jax
import optax
import optax.contrib

from gudspec.spec.models.training import Train

__all__ = ["learning_rate", "matrices", "optimizer"]

_SMALLEST = 8
"""Fewest features on either side of a matrix; what has fewer leads from or to an image, or a token."""
_RMS = 0.2
"""Root mean square of Muon's updates of matrices, in units of the learning rate: about that of Adam's."""


def learning_rate(train: Train) -> optax.Schedule:
    """Linear warm-up, then the spec's course to the last step of all phases."""
    spec = train.optimizer
    remaining = max(train.total_steps - spec.warmup, 1)
    course = {
        "constant": optax.constant_schedule(spec.learning_rate),
        "cosine": optax.cosine_decay_schedule(spec.learning_rate, remaining),
        "linear": optax.linear_schedule(spec.learning_rate, 0.0, remaining),
    }[spec.schedule]
    warmup = optax.linear_schedule(
        spec.learning_rate / max(spec.warmup, 1), spec.learning_rate, max(spec.warmup - 1, 1)
    )
    return optax.join_schedules([warmup, course], [spec.warmup])


def matrices(parameters: Any) -> Any:
    """Which parameters are matrices from features to features, and along which axes: kernels of the hidden layers.

    Those of convolutions take the features at all their places together; those of stacked blocks are one each.

    Args:
        parameters: of a network, or their shapes.

    Returns:
        A tree alike, of the axes that a matrix sums over and those of its output; None for all other parameters.
    """

    def axes(path: Any, leaf: Any) -> optax.contrib.MuonDimensionNumbers | None:
        rank = len(leaf.shape)
        kernel = jax.tree_util.keystr(path, simple=True, separator="/").endswith("/kernel")
        if not kernel or rank < 2 or min(leaf.shape[-2:]) < _SMALLEST:
            return None
        return optax.contrib.MuonDimensionNumbers((0, 1, 2) if rank == 4 else rank - 2, rank - 1)

    return jax.tree_util.tree_map_with_path(axes, parameters)


def optimizer(train: Train) -> optax.GradientTransformation:
    """Clipping, then the optimizer of the spec with the learning rate of each step."""
    spec = train.optimizer
    rate = learning_rate(train)
    if spec.kind == "muon":
        update = optax.contrib.muon(
            rate,
            beta=spec.b1,
            adam_b1=spec.b1,
            adam_b2=spec.b2,
            weight_decay=spec.weight_decay,
            consistent_rms=_RMS,
            muon_weight_dimension_numbers=matrices,
        )
    elif spec.kind == "adamw":
        update = optax.adamw(rate, b1=spec.b1, b2=spec.b2, weight_decay=spec.weight_decay)
    else:
        update = optax.adam(rate, b1=spec.b1, b2=spec.b2)
    return update if spec.clip is None else optax.chain(optax.clip_by_global_norm(spec.clip), update)
