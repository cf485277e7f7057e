"""gudspec: a declarative experiment-spec engine for unified diffusion models.

Importing this package is cheap: the four functions below load their rooms when they are first
used, so that a linter, an editor or a launcher never pays for JAX.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["__version__", "compile", "lint", "load", "run"]

if TYPE_CHECKING:
    from gudspec.engine.main import run
    from gudspec.linter.check import lint
    from gudspec.program.compiler import compile
    from gudspec.spec.load import load

_HOMES = {
    "load": "gudspec.spec.load",
    "lint": "gudspec.linter.check",
    "compile": "gudspec.program.compiler",
    "run": "gudspec.engine.main",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gudspec' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
