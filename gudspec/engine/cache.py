"""Compiled programs that are kept from one process to the next."""

import os

import jax

__all__ = ["keep_programs"]

_THRESHOLD = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def keep_programs(folder: str | os.PathLike[str]) -> None:
    """Has JAX keep all programs that it compiles from now on, and look for them, in a folder or bucket.

    All, unless the environment says otherwise: JAX would leave out what compiles in less than a second, which is what a
    run has most of, such as the checksums of a checkpoint.
    """
    jax.config.update("jax_compilation_cache_dir", os.fspath(folder))
    if _THRESHOLD not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
