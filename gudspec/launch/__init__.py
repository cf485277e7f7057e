"""Where runs are started: one machine, a cluster or a cloud, each by a template in `runners/`. Loads no JAX."""
