"""The likelihood program against the usual one, SciPy's RK45 on the host and the network on the device, in one run.

    python -m benchmarks.rk45 --size 8x8x1 --rounds 3

As in *Score-Based Generative Modeling through SDEs* (arXiv:2011.13456, App. D.2): state and log-density of a batch are
one vector of NumPy, which goes to the device and back at each evaluation; the divergence is Hutchinson's estimate from
vector–Jacobian products. Both have the same network, images, probes and tolerances, and have to find the same bits/dim.
Prints JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

from benchmarks import command
from benchmarks.sizes import SIZES, Ready, ready
from benchmarks.turns import Side, ratio, take_turns
from gudspec.process.dequantize import bits_offset
from gudspec.process.noising import sigma
from gudspec.program.keys import fold, root
from gudspec.program.likelihood import bits_per_dim, log_likelihood
from gudspec.spec.models.results import Likelihood

LEAST = 1e-3
"""Bits/dim by which the two may differ, on average over the images."""


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--probes", type=int, default=3)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative and absolute")
    parser.add_argument("--train", type=int, default=100, help="steps of training before: a fresh network says nothing")
    command.main(measure, parser)


def measure(size: str, rounds: int, images: int, probes: int, tolerance: float, train: int) -> dict[str, Any]:
    """Images per second of both, and their ratio: medians over rounds that take turns."""
    made = ready(size)
    parameters = trained(made, train)
    pixels, key = jnp.asarray(made.source.train.pixels[-images:]), root(5)
    spec = Likelihood(name="nll", kind="likelihood", probes=probes, rtol=tolerance, atol=tolerance)
    evaluate, at = made.program.evaluation(spec), made.program.at()
    ours = Side(lambda: evaluate(parameters, made.data, {"pixels": pixels}, key, at))
    peer = usual(made, parameters, spec, pixels, key)
    theirs = Side(lambda: peer()[0])
    bits = {"gudspec": float(jnp.mean(ours())), "SciPy RK45": float(np.mean(theirs()))}
    difference = abs(bits["gudspec"] - bits["SciPy RK45"])
    assert difference <= LEAST, f"the two find different likelihoods: {bits}"
    take_turns([ours, theirs], rounds)
    evaluations = {"gudspec": asked(made, parameters, spec, pixels, key), "SciPy RK45": peer()[1]}
    sides = dict(zip(bits, (ours, theirs), strict=True))
    return {
        "size": size,
        "goals": [
            command.goal("likelihood, images/s over SciPy's", ratio(theirs, ours), at_least=2.5),
            command.goal("difference in bits/dim", float(f"{difference:.2g}"), at_most=LEAST),
        ],
        "sides": {
            name: {
                "likelihood_images_per_second": side.per_second(images),
                "compile_seconds": side.compile_seconds,
                "evaluations": evaluations[name],
                "bits_per_dim": round(bits[name], 5),
            }
            for name, side in sides.items()
        },
        "images": images,
        "probes": probes,
        "tolerance": tolerance,
        "train_steps": train,
    }


def trained(made: Ready, steps: int) -> Any:
    """Parameters after so many steps on one batch after the other."""
    program, state = made.program, made.program.init(root(0))
    pixels, size = made.source.train.pixels, len(made.pixels)
    for step in range(steps):
        first = step * size % (len(pixels) - size)
        state, _ = program.train_step(state, {"pixels": jnp.asarray(pixels[first : first + size])}, made.data)
    return state.parameters


def asked(made: Ready, parameters: Any, spec: Likelihood, pixels: jax.Array, key: jax.Array) -> int:
    """How often the likelihood program asks the network, for all images of a batch at once."""
    program, data = made.program, made.data

    @jax.jit
    def solve(parameters: Any, pixels: jax.Array) -> jax.Array:
        stretches = program.stretches(parameters, data, program.design)
        chi = stretches[0].process.to_components(program.images(pixels, fold(key, "dequantize")))
        return log_likelihood(stretches, chi, fold(key, "probes"), program.at(), {}, spec).evaluations

    return int(solve(parameters, pixels))


def usual(
    made: Ready, parameters: Any, spec: Likelihood, pixels: jax.Array, key: jax.Array
) -> Callable[[], tuple[np.ndarray, int]]:
    """Makes the usual likelihood: () → bits/dim per image [b], and how often the device was asked."""
    program, data, at = made.program, made.data, made.program.at()
    process = program.process(data)
    chi = process.to_components(program.images(pixels, fold(key, "dequantize")))
    probes = jax.random.rademacher(fold(key, "probes"), (spec.probes, *chi.shape), chi.dtype)

    @jax.jit
    def field(parameters: Any, chi: jax.Array, t: jax.Array, probes: jax.Array) -> tuple[jax.Array, jax.Array]:
        (stretch,) = program.stretches(parameters, data, program.design)

        def drift(chi: jax.Array) -> jax.Array:
            """−½β(χ + ∇log p) with ∇log p = −ε̂/σ and β = σ²γ̇ (GUD, eq. 25)."""
            gamma, rate = process.gamma(t[None], at), process.gamma_dot(t[None], at)
            s = sigma(gamma)
            return -0.5 * s**2 * rate * (chi - stretch.denoise(chi, gamma, {}) / s)

        products = [jax.grad(lambda chi, v: jnp.sum(drift(chi) * v))(chi, v) * v for v in probes]
        return drift(chi), jnp.stack(products).sum((0, 2, 3, 4)) / len(probes)

    def solve() -> tuple[np.ndarray, int]:
        def slope(t: float, flat: np.ndarray) -> np.ndarray:
            here = jnp.asarray(flat[: chi.size].reshape(chi.shape), jnp.float32)
            moved, divergence = field(parameters, here, jnp.float32(t), probes)
            return np.concatenate([np.asarray(moved).reshape(-1), np.asarray(divergence)]).astype(np.float64)

        start = np.concatenate([np.asarray(chi).reshape(-1), np.zeros(len(chi))]).astype(np.float64)
        found = solve_ivp(slope, (0.0, 1.0), start, method="RK45", rtol=spec.rtol, atol=spec.atol)
        end, volume = found.y[: chi.size, -1].reshape(len(chi), -1), found.y[chi.size :, -1]
        nats = volume - 0.5 * np.sum(end**2 + math.log(2 * math.pi), axis=1)
        return np.asarray(bits_per_dim(nats, process, bits_offset(program.levels))), found.nfev

    return solve


if __name__ == "__main__":
    main()
