"""The programs of a run, jitted for its devices: what a run compiles, and what is compiled ahead of it, is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax

from gudspec.engine.mesh import replicated, split

__all__ = ["evaluation", "initial", "sampling", "training"]


def initial(init: Callable[..., Any], state: Any, mesh: Any) -> Any:
    """Root key → the state before the first step.

    Args:
        init: of a program.
        state: shardings of the train state.
        mesh: the devices.
    """
    # run once, but a random stream for every array: on CPUs, LLVM would optimize it for longer than a step's gradient
    cpu = isinstance(mesh, jax.sharding.Mesh) and mesh.devices.flat[0].platform == "cpu"
    options = {"xla_backend_optimization_level": 0} if cpu else None
    return jax.jit(init, out_shardings=state, compiler_options=options)


def training(step: Callable[..., Any], state: Any, mesh: Any) -> Any:
    """(state, batch, statistics) → the state after the step, and metrics; the state is donated.

    Args:
        step: `train_step` of a program.
        state: shardings of the train state.
        mesh: the devices: images are split over all of them.
    """
    whole = replicated(mesh)
    shardings = (state, split(mesh), whole)
    return jax.jit(step, in_shardings=shardings, out_shardings=(state, whole), donate_argnums=0)


def evaluation(evaluate: Callable[..., Any], parameters: Any, mesh: Any) -> Any:
    """(parameters, statistics, batch, key, path parameters) → bits/dim: images are split, the results are everywhere.

    Args:
        evaluate: `evaluation` of a program.
        parameters: shardings of what was trained.
        mesh: the devices.
    """
    whole = replicated(mesh)
    return jax.jit(evaluate, in_shardings=(parameters, whole, split(mesh), whole, whole), out_shardings=whole)


def sampling(draw: Callable[..., Any], parameters: Any, mesh: Any, condition: Iterable[str]) -> Any:
    """(parameters, statistics, key, path parameters, condition) → arrays by name, their images split.

    Args:
        draw: `drawing` of a program, for a number of images that the devices can share.
        parameters: shardings of what was trained.
        mesh: the devices.
        condition: names of what the drawings are given.
    """

    def sample(*arguments: Any) -> Any:
        return draw(*arguments)

    whole = replicated(mesh)
    given = dict.fromkeys(condition, split(mesh))
    return jax.jit(sample, in_shardings=(parameters, whole, whole, whole, given), out_shardings=split(mesh))
