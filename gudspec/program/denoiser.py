"""From a network's output to the predicted noise: the one place where spaces and predictions meet."""

from collections.abc import Callable
from typing import Any, TypeAlias

import jax.numpy as jnp

from gudspec.process.arrays import Array
from gudspec.process.bases import coarser
from gudspec.process.groups import Groups
from gudspec.process.noising import alpha, sigma, total_variance
from gudspec.process.process import Process

__all__ = ["PREDICTIONS", "Condition", "Denoise", "guided", "moving_denoiser", "network_denoiser"]

Condition: TypeAlias = dict[str, Array]
"""What is known beside the noised components: `labels` [b]; possibly empty."""

Denoise: TypeAlias = Callable[[Array, Array, Condition], Array]
"""(χ [b, H, W, C], γ per component [b or 1, …], condition) → ε̂ [b, H, W, C]. A trained network, the exact score of a
Gaussian or that of a mixture: every program takes any of them."""

_GAMMA_UNIT = 8.0
"""Networks see γ in this unit, which makes the usual range of order one."""


def _from_epsilon(output: Array, chi: Array, gamma: Array, scale: Array, variance: Array) -> Array:
    return output


def _from_x(output: Array, chi: Array, gamma: Array, scale: Array, variance: Array) -> Array:
    """χ = α x̂ + σ ε̂; the output is x̂ in units of the image, that is S x̂."""
    return (chi - alpha(gamma) * output / scale) / sigma(gamma)


def _from_v(output: Array, chi: Array, gamma: Array, scale: Array, variance: Array) -> Array:
    """V = α ε − σ x (Progressive Distillation, arXiv:2202.00512), hence ε̂ = α v̂ + σ χ."""
    return alpha(gamma) * output + sigma(gamma) * chi


def _from_residual(output: Array, chi: Array, gamma: Array, scale: Array, variance: Array) -> Array:
    """The preconditioning of EDM (arXiv:2206.00364, eq. 7), with a variance per component.

    Were the components independent Gaussians of variance Σ, then E[ε | χ] = σχ/V with V = α²Σ + σ², and ε would have
    the variance α²Σ/V left. The output predicts what remains, in units of its standard deviation.
    """
    total = total_variance(gamma, variance)
    return sigma(gamma) * chi / total + alpha(gamma) * jnp.sqrt(variance / total) * output


PREDICTIONS = {"epsilon": _from_epsilon, "x": _from_x, "v": _from_v, "edm": _from_residual}
"""Per prediction of the spec: (network output in components, χ, γ, S, Σ) → ε̂."""


def network_denoiser(
    network: Callable[..., Array],
    process: Process,
    tokens: Groups,
    labels: Array,
    prediction: str,
    halvings: int = 0,
    maps: int = 0,
    **options: Any,
) -> Denoise:
    """A network as a denoiser of components.

    The network sees the image M⁻¹χ, divided by its known standard deviation, and the noising state per token, never t:
    it serves every path inside the region of γ that it was trained on (GUD, §4.5). Its output is the white image U⁻¹ε̂,
    or the prediction's analogue of it. Where the finest levels of a haar basis rest, the image is the coarser one that
    is left, and ε̂ of what rests is 0.

    Args:
        network: (image [b, H, W, C + maps], tokens [b or 1, T, 2], class labels or None, **options) → [b, H, W, C].
        process: basis, prior and variances.
        tokens: partition of the components into T tokens, on which γ is constant.
        labels: position label per token, [T].
        prediction: key of `PREDICTIONS`.
        halvings: how many levels rest.
        maps: 1 where γ of each pixel, the same for all of its colours, follows them; else 0.
        options: passed on to the network.
    """
    convert, basis = PREDICTIONS[prediction], coarser(process.basis, halvings)
    height, width = (side >> halvings for side in process.scale.shape[:2])
    scale, data_variance = process.scale[:height, :width], process.variance[:height, :width]

    def denoise(chi: Array, gamma: Array, condition: Condition) -> Array:
        features = _features(tokens, labels, gamma)
        below = [
            (0, 0),
            *((0, whole - kept) for whole, kept in zip(chi.shape[1:3], (height, width), strict=True)),
            (0, 0),
        ]
        chi, gamma = chi[:, :height, :width], gamma[:, :height, :width]
        variance = scale**2 * total_variance(gamma, data_variance)
        deviation = jnp.sqrt(variance.mean(axis=(1, 2, 3), keepdims=True))
        image = basis.inverse(scale * chi) / deviation
        if maps:
            state = jnp.broadcast_to(gamma[..., :1], (*image.shape[:3], 1))
            image = jnp.concatenate([image, state / _GAMMA_UNIT], axis=-1)
        output = basis.forward(network(image, features, condition.get("labels"), **options))
        return jnp.pad(convert(output, chi, gamma, scale, data_variance), below)

    return denoise


def moving_denoiser(
    network: Callable[..., Array],
    process: Process,
    tokens: Groups,
    labels: Array,
    prediction: str,
    unit: Array,
    **options: Any,
) -> Denoise:
    """A network as a denoiser of images that move: it predicts the noise, and what the image has left to lose.

    The network gives as many channels as it takes: beside the image, which it sees as in `network_denoiser`, as many
    that are 0. The second half of its output is r̂ = x − g(f(x)) in units of its root mean square.

    Args:
        network: (image [b, H, W, 2C], tokens [b or 1, T, 2], class labels or None, **options) → [b, H, W, 2C].
        process: of the pixel basis.
        tokens: partition of the components into T tokens, on which γ is constant.
        labels: position label per token, [T].
        prediction: key of `PREDICTIONS`, of the first half.
        unit: root mean square of r, [H, W, C].
        options: passed on to the network.

    Returns:
        (χ, γ, condition) → ε̂ and r̂ one after the other, [b, H, W, 2C].
    """
    scale, data_variance = process.scale, process.variance

    def denoise(chi: Array, gamma: Array, condition: Condition) -> Array:
        variance = scale**2 * total_variance(gamma, data_variance)
        image = scale * chi / jnp.sqrt(variance.mean(axis=(1, 2, 3), keepdims=True))
        doubled = jnp.concatenate([image, jnp.zeros_like(image)], axis=-1)
        output = network(doubled, _features(tokens, labels, gamma), condition.get("labels"), **options)
        noise, residual = jnp.split(output, 2, axis=-1)
        noise = PREDICTIONS[prediction](noise, chi, gamma, scale, data_variance)
        return jnp.concatenate([noise, unit * residual], axis=-1)

    return denoise


def _features(tokens: Groups, labels: Array, gamma: Array) -> Array:
    """What a network sees of γ [b or 1, …]: the noising state and the position label of every token, [b or 1, T, 2]."""
    state = tokens.pick(gamma) / _GAMMA_UNIT
    return jnp.stack([state, jnp.broadcast_to(labels, state.shape)], axis=-1)


def guided(denoise: Denoise, scale: float, hidden: int) -> Denoise:
    """Classifier-free guidance (arXiv:2207.12598, eq. 6): ε̂(∅) + scale (ε̂(label) − ε̂(∅)).

    Args:
        denoise: a denoiser that was trained with labels and without.
        scale: 1 is the conditional density itself, larger ones sharpen it; the paper's w is scale − 1.
        hidden: the label that stands for none.
    """

    def both(chi: Array, gamma: Array, condition: Condition) -> Array:
        labels = condition["labels"]
        twice = {"labels": jnp.concatenate([labels, jnp.full_like(labels, hidden)])}
        states = jnp.concatenate([gamma, gamma]) if len(gamma) > 1 else gamma
        given, none = jnp.split(denoise(jnp.concatenate([chi, chi]), states, twice), 2)
        return none + scale * (given - none)

    return both
