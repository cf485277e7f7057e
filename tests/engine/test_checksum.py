"""The checksum of arrays on many devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.engine.checksum import checksum


def tree() -> dict[str, object]:
    draw = np.random.default_rng(0)
    return {
        "matrix": jnp.asarray(draw.normal(size=(4, 6)), jnp.float32),
        "half": jnp.asarray(draw.normal(size=(3,)), jnp.bfloat16),
        "step": jnp.int32(7),
        "flags": jnp.array([True, False]),
        "empty": jnp.zeros((0, 3)),
        "key": jax.random.key(3),
    }


def test_equal_trees_have_equal_checksums() -> None:
    assert checksum(tree()) == checksum(tree())
    assert len(checksum(tree())) == 32
    assert checksum({}) == "0" * 32


@pytest.mark.parametrize("bit", range(32))
@pytest.mark.parametrize("place", [(0, 0), (3, 5)])
def test_any_bit_counts(bit: int, place: tuple[int, int]) -> None:
    words = np.array(tree()["matrix"]).view(np.uint32)
    words[place] ^= np.uint32(1 << bit)
    assert checksum({**tree(), "matrix": jnp.asarray(words.view(np.float32))}) != checksum(tree())


def test_place_name_type_and_shape_count() -> None:
    whole = tree()
    matrix = whole["matrix"]
    others = [
        {**whole, "matrix": matrix[::-1]},
        {**whole, "matrix": matrix.reshape(6, 4)},
        {**whole, "matrix": jax.lax.bitcast_convert_type(matrix, jnp.int32)},
        {**whole, "key": jax.random.key(4)},
        {**whole, "flags": jnp.array([False, True])},
        {"renamed" if name == "matrix" else name: leaf for name, leaf in whole.items()},
        {name: leaf for name, leaf in whole.items() if name != "empty"},
    ]
    assert len({checksum(one) for one in [whole, *others[:-1]]}) == len(others)


def test_what_every_process_holds_alone_is_not_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that each read a whole checkpoint onto a device of their own."""
    alone = checksum(tree())
    monkeypatch.setattr("gudspec.engine.checksum.gather", lambda sums: np.stack([sums, sums]))
    assert checksum(tree()) == alone


def test_it_does_not_depend_on_where_the_parts_lie() -> None:
    """On one device, and in parts as two processes would count them."""
    from gudspec.engine.checksum import _of_text, _sums

    matrix = tree()["matrix"]
    seed = np.uint32(_of_text(f"{'[' + repr('matrix') + ']'} float32 (4, 6)"))
    cuts = [
        (np.array([row, column], np.uint32), matrix[row : row + 2, column : column + 3])
        for row in (0, 2)
        for column in (0, 3)
    ]
    total = sum(np.asarray(_sums(part, seed, start, matrix.shape), np.uint64) for start, part in cuts)
    assert "".join(f"{int(word) % 2**32:08x}" for word in total) == checksum({"matrix": matrix})
