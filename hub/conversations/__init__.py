"""Which interactions belong together."""
