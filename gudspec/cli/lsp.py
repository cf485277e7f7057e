"""`gudspec lsp`."""

__all__ = ["lsp"]


def lsp() -> None:
    """Serve editors by the Language Server Protocol, over standard input and output.

    Editors start this command by themselves: docs/editors.md says how to tell them.
    """
    from gudspec.errors import Refused

    try:
        import pygls  # noqa: F401
    except ImportError:
        raise Refused("error: the language server needs pygls: pip install 'gudspec[editor]'") from None

    from gudspec.editor.server import serve

    serve()
