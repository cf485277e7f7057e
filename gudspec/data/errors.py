"""What goes wrong with data, told so that a user can mend it."""

from gudspec.errors import GudspecError

__all__ = ["MALFORMED", "MISSING", "UNSUITABLE", "DataError"]

MISSING = "GUD401"
"""A file or folder is not there, or cannot be opened."""
MALFORMED = "GUD402"
"""A file is there but is not what it should be: truncated, of another format, shape, type or range."""
UNSUITABLE = "GUD403"
"""The data is fine but the spec asks for what it cannot give: patches larger than the pictures, an empty split."""


class DataError(GudspecError):
    """The data of a spec is missing, malformed or unsuitable.

    Attributes:
        code: the diagnostic's code, one of `MISSING`, `MALFORMED` and `UNSUITABLE`.
        field: dotted path of the responsible field of the spec, such as `data.source.root`.
        message: what was looked for, where, and how to get it.
    """

    def __init__(self, code: str, field: str, message: str):
        super().__init__(message)
        self.code = code
        self.field = field
        self.message = message

    def __str__(self) -> str:
        """The diagnostic without a place: where the spec's text is not at hand."""
        return f"error {self.code}: {self.message} ({self.field})"
