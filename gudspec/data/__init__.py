"""Images: where they come from, what they become, in which order they are seen. Never imports JAX itself.

`pipeline` is imported on its own: it brings Grain, which a linter should not pay for.
"""

from gudspec.data.errors import DataError
from gudspec.data.source import Images, Source
from gudspec.data.sources import open_source
from gudspec.data.splits import splits

__all__ = ["DataError", "Images", "Source", "open_source", "splits"]
