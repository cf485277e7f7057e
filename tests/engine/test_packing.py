"""Small arrays side by side: what comes back is what went in."""

import jax
import jax.numpy as jnp
import numpy as np

from gudspec.engine.packing import pack, packed, sha256, unpack

TREE = {
    "bias": jnp.arange(5, dtype=jnp.bfloat16),
    "count": jnp.int32(7),
    "empty": jnp.zeros((0, 3)),
    "flags": jnp.array([True, False, True]),
    "key": jax.random.key(3),
    "kernel": jax.random.normal(jax.random.key(0), (3, 3, 2, 4)),
    "table": jax.random.normal(jax.random.key(1), (300, 300)),
}


def abstract() -> dict[str, jax.ShapeDtypeStruct]:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), TREE)


def test_a_tree_comes_back_to_the_bit() -> None:
    content, _ = pack(TREE)
    assert sorted(content["large"]) == ["key", "table"]
    found = unpack(content, abstract())
    assert jax.tree.structure(found) == jax.tree.structure(TREE)
    for name, leaf in TREE.items():
        assert found[name].dtype == leaf.dtype
        assert found[name].sharding == leaf.sharding
        assert jnp.array_equal(found[name], leaf), name


def test_what_is_to_be_read_is_what_is_written() -> None:
    content, _ = pack(TREE)
    expected = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), content)
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), packed(abstract(), content["large"])) == expected


def test_a_save_holds_what_was_there_when_it_began() -> None:
    """The next step takes the place of the arrays."""
    tree = {"bias": np.arange(4.0)}
    placed = jax.tree.map(jnp.asarray, tree)
    content, _ = pack(placed)
    placed["bias"].delete()
    like = {"bias": jax.ShapeDtypeStruct((4,), jnp.float32, sharding=jnp.zeros(1).sharding)}
    np.testing.assert_array_equal(unpack(content, like)["bias"], tree["bias"])


def test_the_hash_is_of_what_is_written() -> None:
    content, written = pack(TREE)
    assert sha256(content["small"]) == written
    assert pack(TREE | {"count": jnp.int32(8)})[1] != written
    assert pack(TREE | {"table": TREE["table"] + 1})[1] == written
