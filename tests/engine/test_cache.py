"""Compiled programs that are kept: where, and for how long."""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from gudspec.engine.cache import kept_programs


def compiled(factor: float) -> None:
    jax.jit(lambda x: jnp.sin(factor * x))(jnp.ones(3)).block_until_ready()


def kept(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*-cache")}


def test_every_run_of_a_process_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX itself would stay with what was configured when it compiled for the first time."""
    monkeypatch.delenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
    before = jax.config.jax_compilation_cache_dir
    compiled(0.5)
    found = []
    for name, factor in (("a", 1.5), ("b", 2.5), ("a", 1.5)):
        with kept_programs(tmp_path / name):
            compiled(factor)
        found.append(kept(tmp_path / name))
    assert found[0]
    assert found[1]
    assert not found[0] & found[1]
    assert found[0] == found[2], "nothing was compiled again"
    assert jax.config.jax_compilation_cache_dir == before
    compiled(3.5)
    assert found[1:] == [kept(tmp_path / "b"), kept(tmp_path / "a")]
