"""The likelihood program against the usual one, SciPy's RK45 on the host and the network on the device, in one run.

    python -m benchmarks.rk45 --size 8x8x1 --rounds 3

As in *Score-Based Generative Modeling through SDEs* (arXiv:2011.13456, App. D.2): state and log-density of a batch are
one vector of NumPy, which goes to the device and back at each evaluation; the divergence is Hutchinson's estimate from
vector–Jacobian products, whose probes are kept for the whole solve. Both have the same network, images and tolerances.

An estimate is worth as much as it is certain: SciPy has as many probes as it needs for the standard deviation that the
program's single one leaves, which is measured first; with one probe it is timed, too. Where dimensions are few, both
traces are also taken exactly, with a tenth of the tolerance, and have to agree; estimates have to as far as they are
certain. Images are of the training split. Prints JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks import command
from benchmarks.sizes import SIZES, Ready, ready
from benchmarks.turns import Side, ratios, take_turns
from gudspec.process.dequantize import bits_offset
from gudspec.process.noising import sigma
from gudspec.program.keys import root
from gudspec.program.likelihood import bits_per_dim, log_likelihood
from gudspec.spec.models.results import Likelihood

LEAST = 1e-3
"""Bits/dim by which exact traces may differ, on average over the images."""
FEW = 256
"""Dimensions up to which an exact trace does not take long."""
SEEDS = 4
"""Estimates of the same likelihoods, which tell how certain they are."""


class Found(NamedTuple):
    """What a solve has found."""

    bits: jax.Array | np.ndarray
    """Bits/dim per image, [b]."""
    evaluations: jax.Array | int
    """How often the network was asked."""


Solve = Callable[[jax.Array, jax.Array, int], Found]
"""(χ [b, H, W, C], key of the probes, how many; 0 for an exact trace) → what was found."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative and absolute")
    parser.add_argument("--train", type=int, default=300, help="steps of training before: a fresh network says nothing")
    command.main(measure, parser)


def measure(size: str, rounds: int, images: int, tolerance: float, train: int) -> dict[str, Any]:
    """Images per second of all, and their ratios: medians over rounds that take turns."""
    made = ready(size)
    program, parameters = made.program, trained(made, train)
    images_of = program.images(jnp.asarray(made.source.train.pixels[-images:]), root(5))
    chi = program.process(made.data).to_components(images_of)
    ours, theirs = compiled(made, parameters, tolerance), usual(made, parameters, tolerance)
    solves = {"gudspec": ours, "SciPy RK45, one probe": theirs, "SciPy RK45": theirs}
    probes = dict.fromkeys(solves, 1)
    sides = {name: Side(lambda name=name: solves[name](chi, root(7), probes[name])) for name in solves}
    first = ("gudspec", "SciPy RK45, one probe")
    found = {name: sides[name]() for name in first}  # a first call compiles, which is timed
    single = {name: uncertainty(solves[name], chi) for name in first}
    probes["SciPy RK45"] = max(1, round((single["SciPy RK45, one probe"] / single["gudspec"]) ** 2))
    found["SciPy RK45"] = sides["SciPy RK45"]()
    uncertain = single | {"SciPy RK45": single["SciPy RK45, one probe"] / math.sqrt(probes["SciPy RK45"])}
    for name in solves:
        apart = abs(np.mean(found["gudspec"].bits) - np.mean(found[name].bits))
        allowed = 5 * math.hypot(uncertain["gudspec"], uncertain[name]) / math.sqrt(images) + 50 * tolerance
        assert apart <= allowed, f"{name} finds another likelihood, {apart:.4f} bits/dim apart"
    take_turns(list(sides.values()), rounds)
    goals = [
        command.goal("likelihood, images/s over SciPy's", ratios(sides["SciPy RK45"], sides["gudspec"]), at_least=2.5),
        command.goal("the same over SciPy's with one probe", ratios(sides[first[1]], sides["gudspec"])),
    ]
    if chi[0].size <= FEW:
        for words, finer in (("the tolerance", 1), ("a tenth of the tolerance", 10)):
            exact = (make(made, parameters, tolerance / finer) for make in (compiled, usual))
            one, other = (float(np.mean(solve(chi[:8], root(7), 0).bits)) for solve in exact)
            what = f"difference of exact traces at {words}, bits/dim"
            goals.append(command.goal(what, round(abs(one - other), 6), at_most=LEAST))
    return {
        "size": size,
        "goals": goals,
        "sides": {
            name: {
                "likelihood_images_per_second": side.per_second(images),
                "compile_seconds": side.compile_seconds,
                "evaluations": int(found[name].evaluations),
                "probes": probes[name],
                "bits_per_dim": round(float(np.mean(found[name].bits)), 5),
                "uncertainty_of_an_image": round(uncertain[name], 4),
            }
            for name, side in sides.items()
        },
        "images": images,
        "tolerance": tolerance,
        "train_steps": train,
    }


def uncertainty(solve: Solve, chi: jax.Array) -> float:
    """Standard deviation of one image's bits/dim that a single probe leaves."""
    estimates = np.stack([np.asarray(solve(chi, root(seed), 1).bits) for seed in range(SEEDS)])
    return float(np.sqrt(estimates.var(axis=0, ddof=1).mean()))


def trained(made: Ready, steps: int) -> Any:
    """Parameters after so many steps on one batch after the other."""
    program, state = made.program, made.program.init(root(0))
    pixels, size = made.source.train.pixels, len(made.pixels)
    for step in range(steps):
        first = step * size % (len(pixels) - size)
        state, _ = program.train_step(state, {"pixels": jnp.asarray(pixels[first : first + size])}, made.data)
    return state.parameters


def compiled(made: Ready, parameters: Any, tolerance: float) -> Solve:
    """The likelihood program."""
    program = made.program

    @partial(jax.jit, static_argnums=4)
    def run(parameters: Any, data: Any, chi: jax.Array, key: jax.Array, probes: int) -> Found:
        divergence: dict[str, Any] = {"probes": probes} if probes else {"divergence": "exact"}
        spec = Likelihood(name="nll", kind="likelihood", rtol=tolerance, atol=tolerance, **divergence)
        stretches = program.stretches(parameters, data, program.design)
        result = log_likelihood(stretches, chi, key, program.at(), {}, spec)
        bits = bits_per_dim(result.nats, stretches[0].process, bits_offset(program.levels))
        return Found(bits, result.evaluations)

    return lambda chi, key, probes: run(parameters, made.data, chi, key, probes)


def usual(made: Ready, parameters: Any, tolerance: float) -> Solve:
    """The usual likelihood."""
    program, data, at = made.program, made.data, made.program.at()
    process = program.process(data)

    @jax.jit
    def field(parameters: Any, chi: jax.Array, t: jax.Array, probes: jax.Array) -> tuple[jax.Array, jax.Array]:
        (stretch,) = program.stretches(parameters, data, program.design)

        def drift(chi: jax.Array) -> jax.Array:
            """−½β(χ + ∇log p) with ∇log p = −ε̂/σ and β = σ²γ̇ (GUD, eq. 25)."""
            gamma, rate = process.gamma(t[None], at), process.gamma_dot(t[None], at)
            s = sigma(gamma)
            return -0.5 * s**2 * rate * (chi - stretch.denoise(chi, gamma, {}) / s)

        moved, pull = jax.vjp(drift, chi)

        def product(v: jax.Array) -> jax.Array:
            return jnp.sum(pull(jnp.broadcast_to(v, chi.shape))[0] * v, axis=(1, 2, 3))

        # a few probes as one program without a loop, which is faster
        few = len(probes) <= 16
        traces = jnp.stack([product(v) for v in probes]) if few else jax.lax.map(product, probes)
        return moved, traces.sum(0)

    def solve(chi: jax.Array, key: jax.Array, count: int) -> Found:
        dimensions = chi[0].size
        if count:
            probes = jax.random.rademacher(key, (count, *chi.shape), chi.dtype) / math.sqrt(count)
        else:
            probes = jnp.eye(dimensions).reshape(dimensions, 1, *chi.shape[1:])

        def slope(t: float, flat: np.ndarray) -> np.ndarray:
            here = jnp.asarray(flat[: chi.size].reshape(chi.shape), jnp.float32)
            moved, divergence = field(parameters, here, jnp.float32(t), probes)
            return np.concatenate([np.asarray(moved).reshape(-1), np.asarray(divergence)]).astype(np.float64)

        start = np.concatenate([np.asarray(chi).reshape(-1), np.zeros(len(chi))]).astype(np.float64)
        found = solve_ivp(slope, (0.0, 1.0), start, method="RK45", rtol=tolerance, atol=tolerance)
        end, volume = found.y[: chi.size, -1].reshape(len(chi), -1), found.y[chi.size :, -1]
        nats = volume - 0.5 * np.sum(end**2 + math.log(2 * math.pi), axis=1)
        return Found(np.asarray(bits_per_dim(nats, process, bits_offset(program.levels))), found.nfev)

    return solve


if __name__ == "__main__":
    main()
