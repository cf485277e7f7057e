"""What is drawn with something given: conditionals, extensions, reconstructions and latents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.process.arrays import Array, Parameters
from gudspec.process.noising import alpha, sigma
from gudspec.process.paths import Held
from gudspec.process.process import Process
from gudspec.program.denoiser import Condition
from gudspec.program.extend import extend
from gudspec.program.keys import fold
from gudspec.program.samplers import sample
from gudspec.program.stretches import Stretch
from gudspec.spec.models import tasks as spec
from gudspec.spec.models.samplers import AnySampler

__all__ = ["Drawing", "drawn", "slerp"]


@dataclass(frozen=True, eq=False)
class Drawing:
    """Everything that a task needs of a trained run.

    Args:
        stretches: process and denoiser from t = 0 to 1; the path of the process is followed.
        parameters: parameters of the path.
        condition: what the denoiser knows beside χ.
        sampler: how images are drawn.
        key: key of all noise.
        shape: what is drawn, (b, H, W, C).
        clean: γ of what is known.
        frames: how many states on the way are kept, where nothing is given.
    """

    stretches: Sequence[Stretch]
    parameters: Parameters
    condition: Condition
    sampler: AnySampler
    key: Array
    shape: tuple[int, int, int, int]
    clean: float
    frames: int = 0

    @property
    def process(self) -> Process:
        """The process, with nothing dropped."""
        return self.stretches[0].process

    def follow(self, chi: Array, start: Array | float = 1.0, stop: Array | float = 0.0, name: str = "sampler") -> Array:
        """Components at `stop` from components at `start`."""
        key = fold(self.key, name)
        arguments = (chi, key, self.parameters, self.condition, self.sampler)
        return sample(self.stretches, *arguments, start, stop)

    def watch(self, chi: Array) -> Array:
        """Components at `frames` times from t = 1 to 0, from those at t = 1: [frames, b, H, W, C]."""
        arguments = (chi, fold(self.key, "sampler"), self.parameters, self.condition, self.sampler)
        return sample(self.stretches, *arguments, frames=self.frames)

    @cached_property
    def prior(self) -> Array:
        """White noise, [b, H, W, C]."""
        return jax.random.normal(fold(self.key, "prior"), self.shape)


def drawn(task: spec.AnyTask, drawing: Drawing, images: Array | None, known: np.ndarray | None) -> dict[str, Array]:
    """What a task draws.

    Args:
        task: the task.
        drawing: the trained run.
        images: the given images [b, H, W, C] in [−1, 1], of tasks that are given some.
        known: of conditionals, the components that are held, bool [H, W, C].

    Returns:
        `images`, what was drawn, [b, H, W, C], with an axis of draws or points, or a length, where the task has one; of
        tasks that are given images also `originals` [b, H, W, C], and `given` [b, H, W, C], what was known of them;
        `frames` [b, frames, H, W, C] of drawings that keep some.
    """
    process = drawing.process
    if isinstance(task, spec.Generate):
        if not drawing.frames:
            return {"images": process.to_images(drawing.follow(drawing.prior))}
        states = process.to_images(drawing.watch(drawing.prior))
        return {"images": states[-1], "frames": jnp.moveaxis(states, 0, 1)}
    if isinstance(task, spec.Extend):
        return {"images": extend(drawing, task)}
    assert images is not None, f"`{task.kind}` is given images"
    chi = process.to_components(images)
    match task:
        case spec.Inpaint() | spec.Upscale() | spec.Colorize():
            assert known is not None, f"`{task.kind}` holds components"
            (stretch,) = drawing.stretches
            path = Held(process.path, jnp.asarray(known), drawing.clean)
            held = replace(drawing, stretches=[replace(stretch, process=replace(process, path=path))])
            result = held.follow(jnp.where(known, chi, drawing.prior))
            given = jnp.where(known, chi, 0.0)
            return {"originals": images, "given": process.to_images(given), "images": process.to_images(result)}
        case spec.Reconstruct(time=time, draws=draws):
            gamma = process.gamma(jnp.full(1, time), drawing.parameters)
            noisy = alpha(gamma) * chi + sigma(gamma) * drawing.prior
            names = [f"draw {index}" for index in range(draws)]
            results = jnp.stack([drawing.follow(noisy, time, name=name) for name in names], axis=1)
            return {"originals": images, "given": process.to_images(noisy), "images": process.to_images(results)}
        case spec.Roundtrip():
            latents = drawing.follow(chi, 0.0, 1.0)
            back = process.to_images(drawing.follow(latents))
            return {"originals": images, "latents": latents, "images": back}
        case spec.Interpolate(points=points):
            latents = drawing.follow(chi, 0.0, 1.0)
            one, two = latents, jnp.roll(latents, -1, axis=0)
            between = jax.vmap(partial(slerp, one, two))(jnp.linspace(0.0, 1.0, points))
            results = process.to_images(jax.lax.map(drawing.follow, between))
            return {"originals": images, "images": jnp.moveaxis(results, 0, 1)}


def slerp(one: Array, two: Array, share: Array) -> Array:
    """Spherical interpolation of latents [b, H, W, C]: what lies between keeps the length of white noise.

    sin((1 − s)θ)/sin θ · one + sin(sθ)/sin θ · two with θ the angle between them (DDIM, arXiv:2010.02502, eq. 67).
    """

    def norm(x: Array) -> Array:
        return jnp.sqrt((x**2).sum(axis=(1, 2, 3), keepdims=True))

    cosine = (one * two).sum(axis=(1, 2, 3), keepdims=True) / (norm(one) * norm(two))
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))
    straight = jnp.abs(jnp.sin(angle)) < 1e-4
    safe = jnp.where(straight, 1.0, jnp.sin(angle))
    a = jnp.where(straight, 1 - share, jnp.sin((1 - share) * angle) / safe)
    b = jnp.where(straight, share, jnp.sin(share * angle) / safe)
    return a * one + b * two
