"""The language server: what an editor shows about a spec while it is being written. Never imports JAX."""
