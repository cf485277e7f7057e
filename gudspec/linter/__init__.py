"""The linter: rules that know the mathematics, put to specs before anything runs. Never imports JAX."""
