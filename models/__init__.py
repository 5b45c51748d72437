"""Weights: what there is, where it comes from, and fetching it."""
