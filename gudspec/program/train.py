"""The train step: one batch of pixels, one update of the parameters."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gudspec.process.arrays import Array
from gudspec.program.accumulate import accumulated
from gudspec.program.keys import fold
from gudspec.spec.models.training import Train

__all__ = ["TrainState", "compiled_step", "initial_state", "train_step"]

Parameters = dict[str, "Parameters | Array"]
"""What is trained, nested dictionaries of arrays: `network`, and `path` of a learned path."""


class TrainState(NamedTuple):
    """All that a run carries from step to step, and all that a checkpoint holds."""

    step: Array
    """Steps taken, int32."""
    parameters: Parameters
    """The trained parameters."""
    ema: Parameters
    """Their exponential moving average, used for evaluation and sampling."""
    optimizer: optax.OptState
    """State of the optimizer."""
    key: Array
    """The root key."""


def initial_state(parameters: Parameters, optimizer: optax.GradientTransformation, key: Array) -> TrainState:
    """The state before the first step."""
    # the average is a copy: donating the state must not donate one buffer twice
    return TrainState(
        jnp.zeros((), jnp.int32), parameters, jax.tree.map(jnp.copy, parameters), optimizer.init(parameters), key
    )


def train_step(
    state: TrainState,
    gradient_of: Callable[[Parameters, Array], tuple[Array, Parameters]],
    optimizer: optax.GradientTransformation,
    ema: float,
) -> tuple[TrainState, dict[str, Array]]:
    """One step.

    Args:
        state: the state before it.
        gradient_of: (parameters, key) → loss of this step's batch and its gradient.
        optimizer: how gradients become updates.
        ema: decay of the moving average.

    Returns:
        The state after it, and metrics: `loss` and `gradient_norm`.
    """
    key = fold(state.key, "train", state.step)
    value, gradient = gradient_of(state.parameters, key)
    updates, optimizer_state = optimizer.update(gradient, state.optimizer, state.parameters)
    parameters = optax.apply_updates(state.parameters, updates)
    average = optax.incremental_update(parameters, state.ema, 1 - ema)
    metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradient)}
    return TrainState(state.step + 1, parameters, average, optimizer_state, state.key), metrics


def compiled_step(
    loss: Callable[..., Array], optimizer: optax.GradientTransformation, spec: Train
) -> Callable[..., tuple[TrainState, dict[str, Array]]]:
    """The jitted step of a loss; it donates the state.

    Args:
        loss: (parameters, key, batch=…, statistics=…, part=index) → mean loss of a batch, or of one of its parts.
        optimizer: how gradients become updates.
        spec: `train` of a spec: into how many parts a batch is cut, and the decay of the moving average.

    Returns:
        (state, batch, statistics) → the state after the step, and metrics.
    """

    def step(state: TrainState, batch: Any, statistics: Any) -> tuple[TrainState, dict[str, Array]]:
        gradient_of = accumulated(partial(loss, batch=batch, statistics=statistics), spec.accumulate)
        return train_step(state, gradient_of, optimizer, spec.ema)

    return jax.jit(step, donate_argnums=0)
