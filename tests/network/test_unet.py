"""The network: shapes, conditioning and dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network.unet import Unet

FIELDS = {
    "channels": 8,
    "multipliers": (1, 2),
    "blocks": 2,
    "attention": 8,
    "heads": 2,
    "state": 8,
    "mixer_layers": 1,
    "mixer_tokens": 256,
    "dropout": 0.0,
    "classes": 0,
}


def make(shape: tuple[int, int, int], tokens: int, **fields: object) -> Unet:
    network = Unet(shape, tokens, **{**FIELDS, **fields}, rngs=nnx.Rngs(0))
    # zero-initialized ends hide everything: wake them up
    leaves = nnx.to_pure_dict(nnx.state(network))
    keys = iter(jax.random.split(jax.random.key(1), len(jax.tree.leaves(leaves))))
    nnx.update(network, jax.tree.map(lambda leaf: leaf + 0.1 * jax.random.normal(next(keys), leaf.shape), leaves))
    return network


@pytest.mark.parametrize(
    ("shape", "tokens", "multipliers"),
    [((8, 8, 1), 64, (1, 1, 1)), ((16, 8, 3), 8, (1, 2)), ((4, 4, 1), 1, (1,))],
)
def test_output_has_the_shape_of_the_image(
    shape: tuple[int, int, int], tokens: int, multipliers: tuple[int, ...]
) -> None:
    network = make(shape, tokens, multipliers=multipliers)
    assert network(jnp.ones((3, *shape)), jnp.ones((1, tokens, 2))).shape == (3, *shape)


def test_starts_at_zero() -> None:
    """The head starts at zero: at first, the prediction is that of its parametrization alone."""
    network = Unet((8, 8, 1), 4, **FIELDS, rngs=nnx.Rngs(0))
    assert not network(jnp.ones((1, 8, 8, 1)), jnp.ones((1, 4, 2))).any()


@pytest.mark.parametrize("mixed", [3, 256])
@pytest.mark.parametrize("attention", [0, 8])
@pytest.mark.parametrize("what", [0, 1])
def test_sees_every_token(attention: int, what: int, mixed: int) -> None:
    """Output depends on γ and on the label of each token, attended to or not, reduced before or not."""
    network = make((8, 8, 1), 4, attention=attention, mixer_tokens=mixed)
    image, tokens = jnp.ones((1, 8, 8, 1)), jnp.zeros((1, 4, 2))
    base = network(image, tokens)
    for token in range(4):
        assert jnp.abs(network(image, tokens.at[0, token, what].set(1.0)) - base).max() > 1e-4


def test_a_state_for_the_whole_batch_is_one_for_each_image() -> None:
    network = make((8, 8, 1), 4)
    image = jax.random.normal(jax.random.key(0), (3, 8, 8, 1))
    tokens = jax.random.normal(jax.random.key(1), (1, 4, 2))
    np.testing.assert_allclose(network(image, tokens), network(image, jnp.repeat(tokens, 3, 0)), atol=1e-4)


def test_labels() -> None:
    network = make((8, 8, 1), 1, classes=3)
    image, tokens = jnp.ones((3, 8, 8, 1)), jnp.zeros((1, 1, 2))
    outputs = network(image, tokens, jnp.arange(3))
    assert jnp.abs(outputs[0] - outputs[1]).max() > 1e-4


def test_dropout_only_with_a_key() -> None:
    network = make((8, 8, 1), 1, dropout=0.5)
    image, tokens = jnp.ones((1, 8, 8, 1)), jnp.zeros((1, 1, 2))
    first, second = (network(image, tokens, dropout_key=jax.random.key(seed)) for seed in (0, 1))
    assert jnp.abs(first - second).max() > 1e-4
    np.testing.assert_array_equal(network(image, tokens), network(image, tokens))


def test_rematerialization_changes_nothing() -> None:
    """Neither values nor gradients, also where the network is used in a loop that it was not made in."""
    image, tokens = jax.random.normal(jax.random.key(2), (3, 4, 4, 1)), jnp.ones((1, 2, 2))

    @jax.jit
    def looped(network: Unet) -> jax.Array:
        return jax.lax.map(lambda x: network(x[None], tokens)[0], image)

    sizes = {"multipliers": (1,), "blocks": 1, "attention": 0, "mixer_layers": 0}
    one, other = (make((4, 4, 1), 2, remat=remat, **sizes) for remat in (False, True))
    values, slopes = zip(
        *(jax.jit(jax.value_and_grad(lambda net: (looped(net) ** 2).sum()))(network) for network in (one, other)),
        strict=True,
    )
    np.testing.assert_allclose(*values, rtol=1e-4)
    for left, right in zip(*(jax.tree.leaves(nnx.to_pure_dict(nnx.state(s))) for s in slopes), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-3)
