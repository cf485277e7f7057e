"""The quickstart's train step as one would write it by hand: one file of JAX, nothing configurable.

GUD (arXiv:2410.02667) in the PCA basis with the schedule (20)–(21), predictions preconditioned as in EDM
(arXiv:2206.00364), the U-Net of GUD, App. A. Parameters and random streams are laid out as gudspec lays them out: both
compute the same loss from the same state.
"""

import zlib
from functools import partial

import jax
import jax.numpy as jnp
import optax

LOW, HIGH = 0.8, 1.2  # range of the inverse softness a
DENOISE, NOISE = -7.0, 3.0


def fold(key, name, step=0):
    return jax.random.fold_in(jax.random.fold_in(key, zlib.crc32(name.encode())), step)


# ── the network ──────────────────────────────────────────────────────────────────────────────────────


def linear(p, x):
    return x @ p["kernel"] + p["bias"]


def conv(p, x, stride=1):
    layout = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, p["kernel"], (stride, stride), "SAME", dimension_numbers=layout) + p["bias"]


def normalized(x, axes):
    mean, square = x.mean(axes, keepdims=True), (x * x).mean(axes, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(jnp.maximum(square - mean * mean, 0) + 1e-6)


def layer_norm(p, x):
    return normalized(x, -1) * p["scale"] + p["bias"]


def group_norm(p, x):
    b, h, w, c = x.shape
    groups = next(count for count in range(min(32, c // 4), 0, -1) if c % count == 0)
    parts = x.reshape(b, h, w, groups, c // groups)
    mean, square = parts.mean((1, 2, 4)), (parts * parts).mean((1, 2, 4))
    factor = jax.lax.rsqrt(jnp.maximum(square - mean * mean, 0) + 1e-6)
    # the image itself stays as it is: only the moments are spread over the channels
    mean, factor = (jnp.repeat(moment, c // groups, axis=1)[:, None, None] for moment in (mean, factor))
    return (x - mean) * (factor * p["scale"]) + p["bias"]


def residual(p, x, vector):
    y = conv(p["conv_in"], jax.nn.silu(group_norm(p["norm_in"], x)))
    scale, shift = jnp.split(linear(p["modulate"], vector)[:, None, None], 2, -1)
    y = conv(p["conv_out"], jax.nn.silu(group_norm(p["norm_out"], y) * (1 + scale) + shift))
    return (conv(p["skip"], x) if "skip" in p else x) + y


def attend(p, x, state, heads):
    b, h, w, c = x.shape
    context = linear(p["key_value"], linear(p["reduce"], state.swapaxes(1, 2)).swapaxes(1, 2))
    split = (b, h * w, heads, c // heads)
    query = linear(p["query"], group_norm(p["norm"], x)).reshape(split)
    key, value = (part.reshape(split) for part in jnp.split(context, 2, -1))
    return x + linear(p["out"], jax.nn.dot_product_attention(query, key, value).reshape(x.shape))


def stage(p, x, vector, state, heads):
    x = residual(p["block"], x, vector)
    return attend(p["attention"], x, state, heads) if "attention" in p else x


def unet(p, image, tokens, heads):
    state = jax.nn.gelu(linear(p["embed_state"]["lift"], tokens))
    if "reduce" in p["embed_state"]:
        state = linear(p["embed_state"]["reduce"], state.swapaxes(1, 2)).swapaxes(1, 2)
    for mixer in p["embed_state"]["mixers"].values():
        across = layer_norm(mixer["token_norm"], state).swapaxes(1, 2)
        state += linear(mixer["token_out"], jax.nn.gelu(linear(mixer["token_in"], across))).swapaxes(1, 2)
        inside = layer_norm(mixer["feature_norm"], state)
        state += linear(mixer["feature_out"], jax.nn.gelu(linear(mixer["feature_in"], inside)))
    state = layer_norm(p["embed_state"]["norm"], state)
    vector = jax.nn.silu(linear(p["vector_in"], state.mean(1)))
    vector = jax.nn.silu(linear(p["vector_out"], vector))
    x = conv(p["stem"], image)
    skips = [x]
    for level in p["down"]:  # one block a level
        x = stage(p["down"][level], x, vector, state, heads)
        skips.append(x)
        if level in p["reduce"]:
            x = conv(p["reduce"][level], x, 2)
            skips.append(x)
    for one in p["middle"].values():
        x = stage(one, x, vector, state, heads)
    for index, one in enumerate(p["up"].values()):
        x = stage(one, jnp.concatenate([x, skips.pop()], -1), vector, state, heads)
        if index % 2 and skips:
            b, h, w, c = x.shape
            x = jax.image.resize(x, (b, 2 * h, 2 * w, c), "nearest")
            x = conv(p["enlarge"][index // 2], x)
    return conv(p["head"], jax.nn.silu(group_norm(p["norm"], x)))


# ── the loss ─────────────────────────────────────────────────────────────────────────────────────────


def to_basis(axes, image):
    b, h, w, c = image.shape
    return jnp.matmul(axes, image.reshape(b, h * w, c), precision="highest").reshape(image.shape)


def loss_of(parameters, key, pixels, levels, mean, axes, variance, network):
    """Variance [H, W, C] is that of the components; axes [HW, HW] has one in each row."""
    images = (pixels + jax.random.uniform(fold(key, "dequantize"), pixels.shape)) * (2 / levels) - 1
    chi = to_basis(axes, images - mean)
    key_states, key_noise = jax.random.split(fold(key, "noise"))
    key_t, key_a = jax.random.split(key_states)
    t = jax.random.uniform(key_t, (len(chi), 1, 1, 1))
    a = jax.random.uniform(jax.random.split(key_a, 1)[0], minval=LOW, maxval=HIGH)
    log_variance = jnp.log(variance)
    start = DENOISE + log_variance + a * (log_variance.min() - log_variance)
    stop = NOISE + log_variance + a * (log_variance.max() - log_variance)
    gamma = start + (stop - start) * t
    alpha, sigma = jnp.exp(-0.5 * jnp.logaddexp(0, gamma)), jnp.exp(-0.5 * jnp.logaddexp(0, -gamma))
    epsilon = jax.random.normal(key_noise, chi.shape)
    noised = alpha * chi + sigma * epsilon

    total = alpha**2 * variance + sigma**2
    image = to_basis(axes.T, noised) / jnp.sqrt(total.mean((1, 2, 3), keepdims=True))
    label = -log_variance.reshape(-1)
    label = 2 * (label - label.min()) / (label.max() - label.min()) - 1
    state = gamma.reshape(len(chi), -1) / 8
    tokens = jnp.stack([state, jnp.broadcast_to(label, state.shape)], -1)
    output = to_basis(axes, network(parameters["network"], image, tokens))
    predicted = sigma * noised / total + alpha * jnp.sqrt(variance / total) * output
    return jnp.mean((predicted - epsilon) ** 2)


def train_step(optimizer, levels, network, decay):
    """(parameters, average, optimizer state, root key, step, pixels, mean, axes, variance) → the same, and the loss."""

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def step(parameters, average, state, root, index, pixels, mean, axes, variance):
        key = fold(root, "train", index)
        loss, gradient = jax.value_and_grad(loss_of)(parameters, key, pixels, levels, mean, axes, variance, network)
        norm = optax.tree.norm(gradient)
        updates, state = optimizer.update(gradient, state, parameters)
        parameters = optax.apply_updates(parameters, updates)
        average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, average, parameters)
        return parameters, average, state, index + 1, loss, norm

    return step
