"""The autoencoder's shapes, and what it is before training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network.autoencoder import Autoencoder


@pytest.mark.parametrize(
    ("shape", "multipliers", "blocks", "latents"),
    [((8, 8, 1), (1,), 1, 2), ((8, 4, 3), (1, 2), 2, 3), ((16, 8, 3), (2, 1, 3), 1, 5)],
)
def test_latents_have_the_resolution_of_the_last_level(
    shape: tuple[int, int, int], multipliers: tuple[int, ...], blocks: int, latents: int
) -> None:
    def run(x):
        network = Autoencoder(
            shape, channels=4, multipliers=multipliers, blocks=blocks, latents=latents, rngs=nnx.Rngs(0)
        )
        code = network.encode(x)
        return code, network.decode(code[0])

    (mean, log_variance), (image, log_scale) = jax.eval_shape(run, jnp.zeros((2, *shape)))
    factor = 2 ** (len(multipliers) - 1)
    assert mean.shape == log_variance.shape == (2, shape[0] // factor, shape[1] // factor, latents)
    assert image.shape == (2, *shape)
    assert log_scale.shape == ()


def test_images_do_not_see_each_other_and_every_weight_learns() -> None:
    network = Autoencoder((4, 4, 1), channels=4, multipliers=(1, 2), blocks=1, latents=2, rngs=nnx.Rngs(0))
    x = jax.random.normal(jax.random.key(0), (3, 4, 4, 1))
    together, alone = network.encode(x)[0], network.encode(x[:1])[0]
    np.testing.assert_allclose(together[:1], alone, atol=1e-5)

    def loss(network: Autoencoder) -> jax.Array:
        mean, log_variance = network.encode(x)
        image, log_scale = network.decode(mean + jnp.exp(log_variance))
        return jnp.sum((image - x) ** 2) * jnp.exp(-log_scale) + jnp.sum(mean**2)

    # convolutions that end a block start at zero and keep back what is before them: one step wakes it
    gradient = nnx.grad(loss)(network)
    nnx.update(network, jax.tree.map(lambda w, g: w - 1e-2 * g, nnx.state(network, nnx.Param), gradient))
    flat = jax.tree.leaves(nnx.grad(loss)(network))
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in flat)
