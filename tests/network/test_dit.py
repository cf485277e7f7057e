"""The transformer: shapes, conditioning, what it is made of, and how many parameters the paper's sizes have."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from gudspec.network import dit
from gudspec.network.dit import Dit, assembled, patches, positions

FIELDS = {
    "patch": 2,
    "width": 16,
    "depth": 3,
    "heads": 2,
    "mlp_ratio": 2.0,
    "state": 8,
    "mixer_layers": 1,
    "mixer_tokens": 256,
    "dropout": 0.0,
    "classes": 0,
}


def make(shape: tuple[int, int, int], tokens: int, **fields: object) -> Dit:
    """A network with random numbers everywhere: gates and ends that start at zero would hide what is before them."""
    network = nnx.eval_shape(lambda: Dit(shape, tokens, **{**FIELDS, **fields}, rngs=nnx.Rngs(0)))
    graph, state = nnx.split(network)
    rng = np.random.default_rng(0)
    return nnx.merge(
        graph, jax.tree.map(lambda leaf: jnp.asarray(0.3 * rng.normal(size=leaf.shape), leaf.dtype), state)
    )


@jax.jit
def apply(network: Dit, *inputs: jax.Array, dropout_key: jax.Array | None = None) -> jax.Array:
    return network(*inputs, dropout_key=dropout_key)


def noise(*shape: int, seed: int = 0) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


# ── what goes in and out ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("shape", "tokens", "patch"), [((8, 8, 1), 64, 2), ((12, 6, 3), 6, 3), ((4, 4, 1), 1, 4), ((2, 4, 2), 5, 1)]
)
def test_output_has_the_shape_of_the_image(shape: tuple[int, int, int], tokens: int, patch: int) -> None:
    network = make(shape, tokens, patch=patch)
    output = jax.eval_shape(network, jnp.ones((3, *shape)), jnp.ones((1, tokens, 2)))
    assert output.shape == (3, *shape)


def test_starts_at_zero() -> None:
    """The head starts at zero: at first, the prediction is that of its parametrization alone."""
    network = jax.jit(lambda: Dit((8, 8, 1), 4, **FIELDS, rngs=nnx.Rngs(0)))()
    assert not apply(network, noise(1, 8, 8, 1), noise(1, 4, 2)).any()


def test_blocks_start_as_the_identity() -> None:
    """The gates start at zero: what is before the blocks is what is after them (arXiv:2212.09748, §3.2)."""
    network = jax.jit(lambda: Dit((8, 8, 1), 4, **FIELDS, rngs=nnx.Rngs(0)))()
    x = noise(2, 4, 4, 16)
    np.testing.assert_array_equal(jax.jit(lambda x: network._transformed(x, noise(2, 16), None))(x), x)


def test_blocks_start_apart_at_the_size_of_one() -> None:
    """Stacking changes neither who is drawn nor how large: Xavier's bound √(6/(inputs + outputs)) of each layer."""
    network = jax.jit(lambda: Dit((8, 8, 1), 1, **FIELDS, rngs=nnx.Rngs(0)))()
    first, second, third = np.abs(network.blocks.mlp_in.kernel[...])
    assert 0.95 < first.max() / math.sqrt(6 / (16 + 32)) <= 1
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)


def test_patches_are_blocks_of_pixels() -> None:
    image = noise(2, 4, 6, 3)
    pieces = patches(image, 2)
    assert pieces.shape == (2, 2, 3, 12)
    np.testing.assert_array_equal(pieces[1, 1, 2], image[1, 2:4, 4:6].reshape(-1))
    np.testing.assert_array_equal(assembled(pieces, 2), image)


@pytest.mark.parametrize(("tokens", "mixed"), [(1, 256), (4, 256), (30, 256), (30, 5)])
@pytest.mark.parametrize("what", [0, 1])
def test_sees_every_token(tokens: int, mixed: int, what: int) -> None:
    """Output depends on γ and on the label of each token, be they fewer than the patches, or more than are mixed."""
    network = make((8, 8, 1), tokens, mixer_tokens=mixed)
    image, seen = noise(1, 8, 8, 1), jnp.zeros((1, tokens, 2))
    states = jnp.concatenate([seen, *(seen.at[0, token, what].set(1.0) for token in range(tokens))])
    outputs = apply(network, jnp.repeat(image, tokens + 1, 0), states)
    assert jnp.abs(outputs[1:] - outputs[0]).max(axis=(1, 2, 3)).min() > 1e-4


def test_sees_which_token_is_which() -> None:
    """Their mean alone would not: without mixing, two that change places leave it as it is."""
    network = make((8, 8, 1), 4, mixer_layers=0)
    image, tokens = noise(1, 8, 8, 1), noise(1, 4, 2, seed=1)
    exchanged = tokens[:, jnp.array([1, 0, 2, 3])]
    assert jnp.abs(apply(network, image, tokens) - apply(network, image, exchanged)).max() > 1e-3


def test_a_state_for_the_whole_batch_is_one_for_each_image() -> None:
    network = make((8, 8, 1), 4)
    image, tokens = noise(3, 8, 8, 1), noise(1, 4, 2, seed=1)
    np.testing.assert_allclose(
        apply(network, image, tokens), apply(network, image, jnp.repeat(tokens, 3, 0)), atol=1e-4
    )


def test_images_do_not_see_each_other() -> None:
    network = make((8, 8, 1), 4)
    image, tokens = noise(3, 8, 8, 1), noise(3, 4, 2, seed=1)
    np.testing.assert_allclose(apply(network, image, tokens)[:1], apply(network, image[:1], tokens[:1]), atol=1e-4)


def test_labels() -> None:
    network = make((8, 8, 1), 1, classes=3)
    image, tokens = jnp.ones((3, 8, 8, 1)), jnp.zeros((1, 1, 2))
    outputs = apply(network, image, tokens, jnp.arange(3))
    assert jnp.abs(outputs[0] - outputs[1]).max() > 1e-4


def test_dropout_only_with_a_key() -> None:
    """Each image drops others."""
    network = make((8, 8, 1), 1, dropout=0.5)
    image, tokens = jnp.ones((2, 8, 8, 1)), jnp.zeros((1, 1, 2))
    first, second = (apply(network, image, tokens, dropout_key=jax.random.key(seed)) for seed in (0, 1))
    assert jnp.abs(first - second).max() > 1e-4
    assert jnp.abs(first[0] - first[1]).max() > 1e-4
    np.testing.assert_array_equal(apply(network, image, tokens), apply(network, image, tokens))


# ── what it computes ────────────────────────────────────────────────────────────────────────────────


def test_is_the_transformer_of_the_paper() -> None:
    """Block by block, head by head and patch by patch, in NumPy: adaLN-zero as in Fig. 3, with a label."""
    network = make((4, 6, 2), 1, classes=3)
    image, tokens, labels = noise(2, 4, 6, 2), noise(2, 1, 2, seed=1), jnp.array([2, 0])
    parameters = jax.tree.map(np.asarray, nnx.to_pure_dict(nnx.state(network)))
    embedded = np.asarray(network.embed_state(tokens))[:, 0]

    def linear(x: np.ndarray, layer: dict[str, np.ndarray]) -> np.ndarray:
        return x @ layer["kernel"] + layer["bias"]

    def silu(x: np.ndarray) -> np.ndarray:
        return x / (1 + np.exp(-x))

    def gelu(x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))

    def normal(x: np.ndarray) -> np.ndarray:
        return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)

    expected = np.zeros((2, 4, 6, 2))
    ends = parameters["ends"][0]
    for one in range(2):
        condition = linear(silu(linear(embedded[one], parameters["vector_in"])), parameters["vector_out"])
        condition = silu(condition + parameters["embed_label"]["embedding"][labels[one]])
        places = [(row, column) for row in range(2) for column in range(3)]
        cut = [np.asarray(image[one, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2]).reshape(-1) for r, c in places]
        x = np.stack([linear(piece, ends["stem"]) for piece in cut])
        omega = 10_000.0 ** (-np.arange(4) / 4)
        x += [np.concatenate([f(omega * p) for p in place for f in (np.sin, np.cos)]) for place in places]
        for index in range(FIELDS["depth"]):
            block = jax.tree.map(lambda leaf, index=index: leaf[index], parameters["blocks"])
            b1, g1, a1, b2, g2, a2 = np.split(linear(condition, block["modulate"]), 6)
            q, k, v = np.split(linear(normal(x) * (1 + g1) + b1, block["query_key_value"]), 3, axis=1)
            heads = []
            for head in (slice(0, 8), slice(8, 16)):
                weights = np.exp(q[:, head] @ k[:, head].T / math.sqrt(8))
                heads.append(weights / weights.sum(1, keepdims=True) @ v[:, head])
            x = x + a1 * linear(np.concatenate(heads, axis=1), block["attention_out"])
            x = x + a2 * linear(gelu(linear(normal(x) * (1 + g2) + b2, block["mlp_in"])), block["mlp_out"])
        shift, scale = np.split(linear(condition, ends["modulate"]), 2)
        for (r, c), piece in zip(places, linear(normal(x) * (1 + scale) + shift, ends["head"]), strict=True):
            expected[one, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2] = piece.reshape(2, 2, 2)
    np.testing.assert_allclose(apply(network, image, tokens, labels), expected, atol=1e-4)


def test_only_positions_tell_patches_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without them, patches in another order give the same patches in that order."""
    network = make((8, 8, 1), 1)
    image, tokens, order = noise(2, 8, 8, 1), noise(1, 1, 2, seed=1), np.random.default_rng(0).permutation(16)

    def shuffled(image: jax.Array) -> jax.Array:
        pieces = patches(image, 2)
        return assembled(pieces.reshape(2, 16, -1)[:, order].reshape(pieces.shape), 2)

    assert jnp.abs(shuffled(apply(network, image, tokens)) - apply(network, shuffled(image), tokens)).max() > 1e-2
    jax.clear_caches()
    monkeypatch.setattr(dit, "positions", lambda rows, columns, features, spacing: np.zeros((rows, columns, features)))
    np.testing.assert_allclose(
        shuffled(apply(network, image, tokens)), apply(network, shuffled(image), tokens), atol=1e-4
    )


def test_positions_know_displacements() -> None:
    """Inner products depend on the displacement alone, and on both of its axes."""
    table = positions(5, 7, 32)
    products = np.einsum("yxf,YXf->yxYX", table, table)
    np.testing.assert_allclose(products[1, 2, 3, 6], products[2, 1, 4, 5], rtol=1e-6)
    np.testing.assert_allclose(products[0, 0, 0, 0], 16, rtol=1e-6)
    apart = products[2, 3].copy()
    apart[2, 3] = 0
    assert apart.max() < 15.9
    assert abs(products[0, 0, 1, 0] - products[0, 0, 2, 0]) > 0.1
    assert abs(products[0, 0, 0, 1] - products[0, 0, 0, 2]) > 0.1


def test_a_coarse_patch_lies_between_those_that_it_covers() -> None:
    fine, coarse = positions(8, 8, 32), positions(4, 4, 32, spacing=2)
    near = np.einsum("f,yxf->yx", coarse[1, 2], fine)
    np.testing.assert_allclose(near[2:4, 4:6], near[2, 4], rtol=1e-6)
    assert near.max() == pytest.approx(near[2, 4])


# ── grids ───────────────────────────────────────────────────────────────────────────────────────────


def test_blocks_serve_all_grids_and_every_parameter_learns() -> None:
    """Images of a grid enter and leave through layers of their own; all else is shared."""
    network = make((8, 8, 1), 3, classes=2, coarser=1)
    graph, state = nnx.split(network)
    tokens, labels = noise(2, 3, 2), jnp.arange(2)

    def loss(state: nnx.State, halvings: int) -> jax.Array:
        side = 8 >> halvings
        image = noise(2, side, side, 1, seed=halvings)
        return (nnx.merge(graph, state)(image, tokens, labels, halvings=halvings) ** 2).sum()

    for halvings in range(2):
        slopes = nnx.to_pure_dict(jax.jit(jax.grad(loss), static_argnums=1)(state, halvings))
        idle = slopes["ends"].pop(1 - halvings)
        assert all(not leaf.any() for leaf in jax.tree.leaves(idle))
        # a number that is added to all features of a token: the norm that follows takes it away
        del slopes["embed_state"]["mixers"][0]["token_out"]["bias"]
        reached = jax.tree.map(lambda leaf: bool(jnp.abs(leaf).max() > 1e-6), slopes)
        assert all(jax.tree.leaves(reached)), [path for path, found in jax.tree.leaves_with_path(reached) if not found]


def test_each_grid_knows_where_its_patches_are(monkeypatch: pytest.MonkeyPatch) -> None:
    network, asked = make((8, 8, 1), 1, coarser=2), []
    monkeypatch.setattr(dit, "positions", lambda *sizes: asked.append(sizes) or positions(*sizes))
    for halvings in range(3):
        image = jnp.ones((1, 8 >> halvings, 8 >> halvings, 1))
        jax.eval_shape(lambda image, halvings=halvings: network(image, jnp.ones((1, 1, 2)), halvings=halvings), image)
    assert asked == [(4, 4, 16, 1), (2, 2, 16, 2), (1, 1, 16, 4)]


# ── how it computes ─────────────────────────────────────────────────────────────────────────────────


def test_rematerialization_changes_nothing() -> None:
    """Neither values nor gradients, also where the network is used in a loop that it was not made in."""
    image, tokens = noise(3, 4, 4, 1), jnp.ones((1, 2, 2))

    @jax.jit
    def looped(network: Dit) -> jax.Array:
        return jax.lax.map(lambda x: network(x[None], tokens, dropout_key=jax.random.key(3))[0], image)

    one, other = (make((4, 4, 1), 2, remat=remat, dropout=0.2) for remat in (False, True))
    values, slopes = zip(
        *(jax.jit(jax.value_and_grad(lambda net: (looped(net) ** 2).sum()))(network) for network in (one, other)),
        strict=True,
    )
    np.testing.assert_allclose(*values, rtol=1e-4)
    for left, right in zip(*(jax.tree.leaves(nnx.to_pure_dict(nnx.state(s))) for s in slopes), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-3, atol=1e-3)


def test_rematerialization_keeps_less() -> None:
    """What the backward pass keeps of a block is its input alone."""

    def kept(remat: bool) -> int:
        network = make((8, 8, 1), 1, depth=8, remat=remat)
        _, backward = jax.vjp(lambda image: network(image, jnp.ones((1, 1, 2))), noise(4, 8, 8, 1))
        return sum(leaf.size for leaf in jax.tree.leaves(backward))

    assert kept(remat=True) < kept(remat=False) / 3


def test_bfloat16() -> None:
    """Parameters and images of half the width give the same up to their rounding, 2⁻⁸, in a few places."""
    network, image, tokens = make((8, 8, 1), 4), noise(2, 8, 8, 1), noise(1, 4, 2, seed=1)
    expected = apply(network, image, tokens)
    nnx.update(network, jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), nnx.state(network)))
    output = apply(network, image.astype(jnp.bfloat16), tokens.astype(jnp.bfloat16))
    assert output.dtype == jnp.bfloat16
    assert jnp.isfinite(output).all()
    error = jnp.sqrt(((output - expected) ** 2).mean() / (expected**2).mean())
    assert error < 0.05


# ── the paper's sizes ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("width", "depth", "heads", "millions"),
    [(384, 12, 6, 33), (768, 12, 12, 130), (1024, 24, 16, 458), (1152, 28, 16, 675)],
    ids=["S", "B", "L", "XL"],
)
def test_parameters_of_the_papers_sizes(width: int, depth: int, heads: int, millions: int) -> None:
    """DiT-S/2 to XL/2 of arXiv:2212.09748, Tables 1 and 4: 32×32×4 latents, 1000 classes and none.

    Its count has the 256 fixed positions, and 8 channels at the end, ε and Σ; ours has neither. Its time enters by 256
    sines and cosines, the noising state through its embedding. All else agrees to the number.
    """

    def size(module: nnx.Module) -> int:
        return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(module)))

    sizes = {**FIELDS, "width": width, "depth": depth, "heads": heads, "mlp_ratio": 4.0, "classes": 1001}
    network = nnx.eval_shape(lambda: Dit((32, 32, 4), 1, **sizes, rngs=nnx.Rngs(0)))
    more_in_the_paper = 256 * width + 4 * 4 * (width + 1) + 256 * width
    more_here = size(network.embed_state) + FIELDS["state"] * width
    assert (size(network) + more_in_the_paper - more_here) / 1e6 == pytest.approx(millions, abs=0.6)
    assert size(network) / 1e6 == pytest.approx(millions, abs=0.6)
