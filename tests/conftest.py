"""What all tests share: caches of their own, and a compilation cache, since many compile the same small programs."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# the same examples each time: a change is not refused for what it did not touch. New ones: --hypothesis-profile=default
hypothesis.settings.register_profile("same", derandomize=True)
hypothesis.settings.load_profile("same")

_SHARED = Path(tempfile.gettempdir()) / f"gudspec-tests-{os.getuid()}"
os.environ.setdefault("GUDSPEC_CACHE", str(_SHARED / "statistics"))
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_SHARED / "compilation"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@pytest.fixture(scope="module")
def compiled_fast() -> Iterator[None]:
    """Compiles at XLA's lowest level, also in processes of a test: for short runs, most of whose time is LLVM's."""
    import jax

    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    del os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"]
