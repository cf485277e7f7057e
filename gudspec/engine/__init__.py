"""The engine: it runs a program on this machine's devices, in a working directory that survives interruptions."""
