"""The optimizer of a spec, from optax."""

import math
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import optax
import optax.contrib
from jax import Array

from gudspec.spec.models.training import Optimizer, Train

__all__ = ["learning_rate", "optimizer", "stacked", "unstacked"]

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


def stacked(tree: Any) -> tuple[dict[str, Array], list[Array]]:
    """Matrices from features to features, those of one shape together, and all other leaves.

    Matrices are the kernels of the hidden layers. A convolution's takes the features at all its places together; of
    stacked blocks each has one. Together they cost one compilation, and few products of many matrices.

    Args:
        tree: parameters of a network, or what has their structure.

    Returns:
        [n, rows, columns] by `ROWSxCOLUMNS`, and the rest in the order of the tree.
    """
    together, rest = defaultdict(list), []
    for leaf, shape in _leaves(tree):
        if shape is None:
            rest.append(leaf)
        else:
            together[_name(shape)].append(leaf.reshape(shape))
    return {name: jnp.concatenate(found) for name, found in together.items()}, rest


def unstacked(together: dict[str, Array], rest: list[Array], like: Any) -> Any:
    """The inverse of `stacked`; `like` has the structure that comes back."""
    taken, others, leaves = dict.fromkeys(together, 0), iter(rest), []
    for leaf, shape in _leaves(like):
        if shape is None:
            leaves.append(next(others))
        else:
            name = _name(shape)
            start = taken[name]
            taken[name] += shape[0]
            leaves.append(together[name][start : start + shape[0]].reshape(leaf.shape))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _name(shape: tuple[int, int, int]) -> str:
    return f"{shape[1]}x{shape[2]}"


def _leaves(tree: Any) -> Iterator[tuple[Array, tuple[int, int, int] | None]]:
    """Every leaf, and the shape that it has as matrices if it is some."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        kernel = jax.tree_util.keystr(path, simple=True, separator="/").endswith("/kernel")
        if not kernel or leaf.ndim < 2 or min(leaf.shape[-2:]) < _SMALLEST:
            yield leaf, None
        else:
            rows = leaf.shape[-2] if leaf.ndim < 4 else math.prod(leaf.shape[:-1])
            yield leaf, (leaf.size // (rows * leaf.shape[-1]), rows, leaf.shape[-1])


def optimizer(train: Train) -> optax.GradientTransformation:
    """Clipping, then the optimizer of the spec with the learning rate of each step."""
    spec = train.optimizer
    rate = learning_rate(train)
    if spec.kind == "muon":
        update = _muon(rate, spec)
    elif spec.kind == "adamw":
        update = optax.adamw(rate, b1=spec.b1, b2=spec.b2, weight_decay=spec.weight_decay)
    else:
        update = optax.adam(rate, b1=spec.b1, b2=spec.b2)
    return update if spec.clip is None else optax.chain(optax.clip_by_global_norm(spec.clip), update)


def _muon(rate: optax.Schedule, spec: Optimizer) -> optax.GradientTransformation:
    """Muon for matrices, Adam with Nesterov's momentum for the rest."""
    inner = optax.contrib.muon(
        rate,
        beta=spec.b1,
        adam_b1=spec.b1,
        adam_b2=spec.b2,
        weight_decay=spec.weight_decay,
        consistent_rms=_RMS,
        muon_weight_dimension_numbers=lambda parts: (
            dict.fromkeys(parts[0], optax.contrib.MuonDimensionNumbers(1, 2)),
            [None] * len(parts[1]),
        ),
    )

    def init(parameters: optax.Params) -> optax.OptState:
        return inner.init(stacked(parameters))

    def update(
        gradient: optax.Updates, state: optax.OptState, parameters: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.OptState]:
        given = None if parameters is None else stacked(parameters)
        (together, rest), state = inner.update(stacked(gradient), state, given)
        return unstacked(together, rest, gradient), state

    return optax.GradientTransformation(init, update)
