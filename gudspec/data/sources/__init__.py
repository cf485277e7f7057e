"""One module per `kind` of source, each with a function `read(spec) -> Source`.

To add a source: a model with a new `kind` in `gudspec.spec.models.data`, and a module of that name here.
"""

from importlib import import_module

from gudspec.data.source import Source
from gudspec.spec.models.data import AnySource

__all__ = ["open_source"]


def open_source(spec: AnySource) -> Source:
    """Reads a data set.

    Args:
        spec: the `data.source` part of a spec.

    Returns:
        Its splits as arrays.

    Raises:
        DataError: something is missing, malformed or unsuitable.
    """
    source: Source = import_module(f"{__name__}.{spec.kind}").read(spec)
    return source
