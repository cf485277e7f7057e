"""Muon: orthogonal updates of matrices, Adam's of all else."""

import jax
import numpy as np
import optax

from gudspec.program.optimizer import optimizer, stacked, unstacked
from gudspec.spec.models.training import Optimizer, Train

RATE = 0.01
RNG = np.random.default_rng(0)
SHAPES = {
    "hidden": {"kernel": (3, 3, 8, 16), "bias": (16,)},
    "dense": {"kernel": (64, 32)},
    "blocks": {"kernel": (2, 16, 32), "bias": (2, 16)},
    "stem": {"kernel": (3, 3, 1, 16)},
    "embed_label": {"embedding": (10, 16)},
}
GRADIENT = jax.tree.map(
    lambda shape: RNG.normal(size=shape).astype(np.float32), SHAPES, is_leaf=lambda part: isinstance(part, tuple)
)
PARAMETERS = jax.tree.map(np.ones_like, GRADIENT)


def updates(kind: str, gradient: dict, **fields: float) -> dict:
    made = optimizer(Train(steps=10, optimizer=Optimizer(kind=kind, learning_rate=RATE, **fields)))
    parameters = jax.tree.map(np.ones_like, gradient)
    return jax.tree.map(np.asarray, made.update(gradient, made.init(parameters), parameters)[0])


def test_updates_of_matrices_are_orthogonal() -> None:
    """Newton and Schulz bring singular values near 1; root mean squares are 0.2 of the rate, about those of Adam."""
    found = updates("muon", GRADIENT)
    for matrix in (
        found["hidden"]["kernel"].reshape(72, 16),
        found["dense"]["kernel"],
        *found["blocks"]["kernel"],
    ):
        values = np.linalg.svd(matrix, compute_uv=False) / (0.2 * RATE * np.sqrt(max(matrix.shape)))
        assert 0.6 < values.min() < values.max() < 1.3
        np.testing.assert_allclose(np.sqrt(np.mean(matrix**2)), 0.2 * RATE, rtol=0.2)


def test_an_update_goes_down_along_the_singular_vectors_of_the_gradient() -> None:
    matrix, gradient = updates("muon", GRADIENT)["dense"]["kernel"], GRADIENT["dense"]["kernel"]
    left, _, right = np.linalg.svd(gradient, full_matrices=False)
    inside = left.T @ matrix @ right.T
    assert np.diag(inside).max() < 0
    np.testing.assert_allclose(inside - np.diag(np.diag(inside)), 0, atol=1e-5)


def test_all_else_is_updated_by_adam() -> None:
    nadam = optax.adam(RATE, nesterov=True)
    found, (expected, _) = updates("muon", GRADIENT), nadam.update(GRADIENT, nadam.init(PARAMETERS))
    for layer, name in (("hidden", "bias"), ("blocks", "bias"), ("stem", "kernel"), ("embed_label", "embedding")):
        np.testing.assert_allclose(found[layer][name], expected[layer][name], rtol=1e-6)


def test_matrices_of_one_shape_come_together_and_back() -> None:
    tree = {"first": GRADIENT, "second": jax.tree.map(np.negative, GRADIENT)}
    together, rest = stacked(tree)
    assert {name: found.shape for name, found in together.items()} == {
        "72x16": (2, 72, 16),
        "64x32": (2, 64, 32),
        "16x32": (4, 16, 32),
    }
    assert len(rest) == 2 * 4
    jax.tree.map(np.testing.assert_array_equal, unstacked(together, rest, tree), tree)


def test_matrices_decay() -> None:
    found, plain = updates("muon", GRADIENT, weight_decay=0.1), updates("muon", GRADIENT)
    np.testing.assert_allclose(found["dense"]["kernel"] - plain["dense"]["kernel"], -0.1 * RATE, rtol=1e-4)
    np.testing.assert_array_equal(found["hidden"]["bias"], plain["hidden"]["bias"])
