"""The language: YAML text becomes a tree with marks, and the tree a frozen `Experiment`. Never imports JAX."""
