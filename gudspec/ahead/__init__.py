"""Programs ahead of time: laid out, counted and compiled on shapes alone, for devices that need not be here.

`gudspec lint --deep` and `gudspec compile` are made of it.
"""
