"""`gudspec lint --deep`: traces every program of a spec without data or devices, and says what it costs and where.

Only `descriptions` and this file are free of JAX.
"""
