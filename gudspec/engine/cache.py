"""Compiled programs that are kept from one process to the next."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax
from jax.experimental.compilation_cache import compilation_cache

__all__ = ["kept_programs"]

_THRESHOLD = "jax_persistent_cache_min_compile_time_secs"


@contextmanager
def kept_programs(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Has JAX keep all programs that it compiles inside, and look for them, in a folder or bucket.

    All, unless the environment says otherwise: JAX would leave out what compiles in less than a second, which is what a
    run has most of, such as the checksums of a checkpoint.
    """
    settings: dict[str, object] = {"jax_compilation_cache_dir": os.fspath(folder)}
    if _THRESHOLD.upper() not in os.environ:
        settings[_THRESHOLD] = 0.0
    before = {name: getattr(jax.config, name) for name in settings}
    try:
        _configure(settings)
        yield
    finally:
        _configure(before)


def _configure(settings: dict[str, object]) -> None:
    for name, value in settings.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # otherwise JAX stays with the folder, or the lack of one, of its first compilation
