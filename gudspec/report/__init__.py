"""Pictures and the report of a run, from its working directory alone. Free of JAX."""
