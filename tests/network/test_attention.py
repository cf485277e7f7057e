"""Attention by cuDNN where it serves: no GPU is here, so what is asked is which kernel a trace has."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gudspec.ahead.work import work
from gudspec.network.attention import attend

_CUDNN = "jax._src.cudnn.fused_attention_stablehlo"


def given(features: int = 16, dtype: str = "bfloat16") -> list[jax.Array]:
    keys = jax.random.split(jax.random.key(0), 3)
    return [jax.random.normal(key, (2, n, 3, features), dtype) for key, n in zip(keys, (4, 6, 6), strict=True)]


def test_it_is_attention() -> None:
    query, key, value = given(dtype="float32")
    scores = np.einsum("bnhd,bmhd->bhnm", query, key) / 4
    weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(attend(query, key, value), np.einsum("bhnm,bmhd->bnhd", weights, value), atol=1e-5)


@pytest.fixture
def hopper(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were an H100 with cuDNN."""
    device = SimpleNamespace(platform="gpu", compute_capability="9.0")
    monkeypatch.setattr("jax.local_devices", lambda: [device])
    monkeypatch.setattr(f"{_CUDNN}.check_cudnn_version", lambda: 91000)


@pytest.mark.usefixtures("hopper")
@pytest.mark.parametrize(
    ("features", "dtype", "fused"), [(16, "bfloat16", True), (16, "float32", False), (12, "bfloat16", False)]
)
def test_cudnn_attends_where_it_can(features: int, dtype: str, fused: bool) -> None:
    arrays = given(features, dtype)
    assert ("dot_product_attention" in str(jax.make_jaxpr(attend)(*arrays))) == fused
    gradient = jax.grad(lambda *arrays: attend(*arrays).astype(jnp.float32).sum())
    assert ("dot_product_attention_bwd" in str(jax.make_jaxpr(gradient)(*arrays))) == fused
    np.testing.assert_array_equal(jax.jit(attend)(*arrays), jax.nn.dot_product_attention(*arrays))  # lowered for a CPU
    counted, usual = (work(jax.make_jaxpr(one)(*arrays)).flops for one in (attend, jax.nn.dot_product_attention))
    assert counted == pytest.approx(usual, rel=0.1)  # runs tell their utilization by it


def test_other_devices_have_none(monkeypatch: pytest.MonkeyPatch, hopper: None) -> None:
    for platform, capability in (("gpu", "7.5"), ("gpu", "gfx942"), ("tpu", "")):
        device = SimpleNamespace(platform=platform, compute_capability=capability)
        monkeypatch.setattr("jax.local_devices", lambda device=device: [device])
        assert "dot_product_attention" not in str(jax.make_jaxpr(lambda *arrays: attend(*arrays))(*given()))
