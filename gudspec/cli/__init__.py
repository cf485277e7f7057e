"""The command line: one thin file per command, each importing what it needs when it is called."""

import os

# Pydantic would look for plugins in the metadata of every installed package: a tenth of the time of a cold lint.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
