"""The compiled programs against the common research loop (flax NNX, complex FFT, diffrax), in one run.

    python -m benchmarks.nnx_loop --size 8x8x1 --rounds 9

The loop is `benchmarks/nnx_research.py`; the design is the quickstart's in the Fourier basis, with equal networks. Both
have to compute the same loss and the same step of the reverse SDE before they are timed. Our network alone takes turns
with them: what it takes by itself says how much faster than the loop anything with this network could be. Prints JSON.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from benchmarks import command, nnx_research
from benchmarks.nnx_unet import Unet
from benchmarks.sizes import SIZES, Ready, moved, ready
from benchmarks.turns import Side, check_equal, ratios, take_turns
from gudspec.program.keys import fold, root
from gudspec.program.optimizer import optimizer
from gudspec.program.samplers import method_of
from gudspec.program.steps import Move
from gudspec.spec.models.samplers import EulerMaruyama

DESIGN = ["design.basis={kind: fourier}"]
SOFTNESS = 1.0


def main() -> None:
    """Measures, and prints JSON."""
    parser = command.parser(__doc__)
    parser.add_argument("--size", choices=SIZES, default="8x8x1")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=5, help="train steps per round")
    parser.add_argument("--sample-steps", type=int, default=50, help="steps of the reverse SDE")
    parser.add_argument("--count", type=int, default=32, help="images that are drawn in a round")
    command.main(measure, parser)


def measure(size: str, rounds: int, steps: int, sample_steps: int, count: int) -> dict[str, Any]:
    """Images per second of training and sampling of both, and their ratios: medians over rounds that take turns."""
    made = ready(size, DESIGN)
    model, schedule = rebuilt(made)
    parameters = moved(made.program.init(root(0)).parameters, root(1))
    nnx.update(model, parameters["network"])
    losses = losses_of(made, model, schedule, parameters)
    check_equal(*losses, 1e-4)
    check_equal(*reverse_steps(made, model, schedule, parameters), 1e-4)

    alone = networks(made, parameters["network"], len(schedule.tokens), (steps, sample_steps, count))
    training = [*trainers(made, schedule, steps), alone[0]]
    for side in training:
        side()
    take_turns(training, rounds)
    sampling = [*drawers(made, model, schedule, parameters, sample_steps, count), alone[1]]
    spread = [float(np.std(side())) for side in sampling]
    np.testing.assert_allclose(spread[0], spread[1], rtol=0.3)  # of few images that differ in their noise
    take_turns(sampling, rounds)
    batch, names = len(made.pixels), ("gudspec", "nnx loop", "gudspec's network alone")
    return {
        "size": size,
        "goals": [
            command.goal("training, images/s over the loop's", ratios(training[1], training[0]), at_least=1.5),
            command.goal("sampling, images/s over the loop's", ratios(sampling[1], sampling[0]), at_least=3.0),
            command.goal("training, the network alone over the loop", ratios(training[1], training[2])),
            command.goal("sampling, the network alone over the loop", ratios(sampling[1], sampling[2])),
        ],
        "sides": {
            name: {
                "train_images_per_second": training[index].per_second(batch * steps),
                "train_compile_seconds": training[index].compile_seconds,
                "sample_images_per_second": sampling[index].per_second(count),
                "sample_compile_seconds": sampling[index].compile_seconds,
            }
            for index, name in enumerate(names)
        },
        "batch": batch,
        "parameters": sum(leaf.size for leaf in jax.tree.leaves(parameters)),
        "sample_steps": sample_steps,
        "losses": dict(zip(names[:2], losses, strict=True)),
    }


def rebuilt(made: Ready) -> tuple[Unet, nnx_research.Schedule]:
    """The loop's network and schedule, of the same size."""
    spec = made.program.experiment.network
    schedule = nnx_research.Schedule(made.data.variance)
    sizes = (spec.channels, spec.multipliers, spec.attention, spec.heads)
    embedding = (spec.state, spec.mixer_layers, spec.mixer_tokens)
    return Unet(made.source.shape, len(schedule.tokens), *sizes, *embedding, nnx.Rngs(0)), schedule


def losses_of(made: Ready, model: Unet, schedule: nnx_research.Schedule, parameters: Any) -> tuple[float, float]:
    """The loss of one batch by both, with the same times, softness and noise."""
    program, data, key = made.program, made.data, root(2)
    ours = jax.jit(program.loss)(parameters, key, {"pixels": made.pixels}, data)
    key_states, key_noise = jax.random.split(fold(key, "noise"))
    key_t, key_a = jax.random.split(key_states)
    images = program.images(made.pixels, fold(key, "dequantize")) - data.mean
    a = jax.random.uniform(jax.random.split(key_a, 1)[0], minval=nnx_research.LOW, maxval=nnx_research.HIGH)
    noise = program.process(data).basis.inverse(jax.random.normal(key_noise, images.shape))
    drawn = (images, jax.random.uniform(key_t, (len(images),)), a, noise)
    theirs = nnx.jit(lambda model, *drawn: nnx_research.loss_of(model, schedule, *drawn))
    return float(ours), float(theirs(model, *drawn))


def reverse_steps(made: Ready, model: Unet, schedule: nnx_research.Schedule, parameters: Any) -> tuple[Any, Any]:
    """Images after one step of the reverse SDE by both, with the same noise."""
    t, s, at = jnp.float32(0.5), jnp.float32(0.48), made.program.at()
    (stretch,) = made.program.stretches(parameters, made.data, made.program.design)
    process, method = stretch.process, method_of(EulerMaruyama(kind="euler_maruyama", steps=50))
    chi, noise = jax.random.normal(root(3), (2, 4, *made.source.shape))

    @jax.jit
    def ours(chi: jax.Array, noise: jax.Array) -> jax.Array:
        step = Move(process.gamma(t[None], at), process.gamma(s[None], at), jnp.zeros(2), t - s)
        empty = jnp.zeros((0, *chi.shape))
        return method.step(lambda chi, gamma: stretch.denoise(chi, gamma, {}), chi, empty, step, noise[None])[0]

    @nnx.jit
    def theirs(model: Unet, image: jax.Array, noise: jax.Array) -> jax.Array:
        drift = nnx_research.reverse_drift(model, schedule, image, t, SOFTNESS)
        added = nnx_research.noise_filter(schedule, noise, t, SOFTNESS)
        return image + drift * (s - t) + added * jnp.sqrt(t - s)

    inverse = process.basis.inverse
    return inverse(ours(chi, noise)), theirs(model, inverse(chi), inverse(noise))


def trainers(made: Ready, schedule: nnx_research.Schedule, steps: int) -> tuple[Side, Side]:
    """Rounds of train steps of both, on the same batch."""
    program, source, data, pixels = made
    spec, state = program.experiment.train, [program.init(root(0))]

    def ours() -> jax.Array:
        for _ in range(steps):
            state[0], metrics = program.train_step(state[0], {"pixels": pixels}, data)
        return metrics["loss"]

    model, averaged = rebuilt(made)[0], rebuilt(made)[0]
    step = nnx_research.train_step(schedule, source.levels, data.mean, spec.ema)
    update, keys = nnx.Optimizer(model, optimizer(spec), wrt=nnx.Param), [root(0)]

    def theirs() -> jax.Array:
        for _ in range(steps):
            keys[0], key = jax.random.split(keys[0])
            loss = step(model, update, averaged, key, pixels)
        return loss

    return Side(ours), Side(theirs)


def drawers(
    made: Ready, model: Unet, schedule: nnx_research.Schedule, parameters: Any, steps: int, count: int
) -> tuple[Side, Side]:
    """Rounds of sampling of both, from the same parameters."""
    program, data, keys = made.program, made.data, iter(jax.random.split(root(4), 10_000))
    draw = program.sampler(EulerMaruyama(kind="euler_maruyama", steps=steps))
    sample = nnx_research.sampler(model, schedule, data.mean, steps)
    at = program.at()
    return (
        Side(lambda: draw(parameters, data, next(keys), at, {}, count=count)),
        Side(lambda: sample(next(keys), count, SOFTNESS)),
    )


def networks(made: Ready, parameters: Any, tokens: int, numbers: tuple[int, int, int]) -> tuple[Side, Side]:
    """Rounds of what the network itself does in them: its gradients in training, one evaluation per step of sampling.

    Args:
        made: the spec.
        parameters: of the network.
        tokens: of the noising state.
        numbers: train steps of a round, steps of sampling, images that are drawn.
    """
    steps, sample_steps, count = numbers
    graph = nnx.graphdef(made.program.create(nnx.Rngs(0)))
    image = jax.random.normal(root(5), made.pixels.shape)
    states = jax.random.normal(root(6), (len(image), tokens, 2))

    @partial(jax.jit, donate_argnums=0)
    def gradient(parameters: Any) -> Any:
        """The parameters, moved by their gradient: one after the other and in place, as train steps are."""
        gradients = jax.grad(lambda given: jnp.mean(nnx.merge(graph, given)(image, states) ** 2))(parameters)
        return jax.tree.map(lambda value, slope: value - 1e-6 * slope, parameters, gradients)

    @jax.jit
    def chain(parameters: Any, start: jax.Array) -> jax.Array:
        network = nnx.merge(graph, parameters)
        return jax.lax.scan(lambda image, _: (network(image, states[:1]), None), start, length=sample_steps)[0]

    start = jax.random.normal(root(7), (count, *made.source.shape))
    trained = [jax.tree.map(jnp.copy, parameters)]

    def train() -> Any:
        for _ in range(steps):
            trained[0] = gradient(trained[0])
        return trained[0]

    return (
        Side(train),
        Side(lambda: chain(parameters, start)),
    )


if __name__ == "__main__":
    main()
