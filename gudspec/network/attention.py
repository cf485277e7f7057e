"""Attention in the form that costs least."""

from __future__ import annotations

from functools import partial

import jax
from jax import Array

__all__ = ["attend"]

_AMPERE = 8.0
"""Its compute capability."""


def attend(query: Array, key: Array, value: Array) -> Array:
    """Scaled dot-product attention, softmax(QKᵀ/√d) V for every head; the softmax is in float32.

    On NVIDIA's GPUs from Ampere on by cuDNN's fused kernel, which never writes QKᵀ to memory, where it serves: for
    bfloat16, even n and m, and heads of at most 128 features, divisible by 8. It has no forward derivative;
    likelihoods, which take one, are in float32.

    Args:
        query: [b, n, heads, d].
        key: [b, m, heads, d].
        value: [b, m, heads, d].

    Returns:
        [b, n, heads, d].
    """
    if not (_ampere() and _fusible(query, key, value)):
        return jax.nn.dot_product_attention(query, key, value)
    # a GPU may be here while the program is compiled for something else
    return jax.lax.platform_dependent(query, key, value, cuda=_fused, default=jax.nn.dot_product_attention)


_fused = partial(jax.nn.dot_product_attention, implementation="cudnn")


def _ampere() -> bool:
    """Whether this process has such a GPU."""
    device = jax.local_devices()[0]
    capability = str(getattr(device, "compute_capability", ""))  # 9.0; other makers have names
    return device.platform == "gpu" and capability.replace(".", "").isdigit() and float(capability) >= _AMPERE


def _fusible(*arrays: Array) -> bool:
    """Whether cuDNN takes such arrays, forth and back: JAX refuses others when it traces them."""

    def trained(*arrays: Array) -> tuple[Array, ...]:
        result, pull = jax.vjp(_fused, *arrays)
        gradients: tuple[Array, ...] = pull(result)
        return gradients

    try:
        jax.eval_shape(trained, *(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays))
    except (NotImplementedError, RuntimeError, ValueError):
        return False
    return True
