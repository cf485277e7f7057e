"""Proof that a spec is compiled correctly, before any training.

The data is replaced by the Gaussian with its own moments and the network by that Gaussian's exact score. Then the very
programs that the spec compiles to run, and their results are compared with closed forms.
"""
