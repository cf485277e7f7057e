"""The mathematics of unified diffusion (GUD, arXiv:2410.02667), as a pure library.

No YAML and no I/O. Everything that a linter needs (paths, orderings, bases) is written against the
array namespace of its inputs, so that NumPy and JAX evaluate one and the same formula.

Shapes: an image is [H, W, C] and so is an array of components, in every basis. `b` is a batch,
`G` the number of groups of components that share a noising state.
"""
