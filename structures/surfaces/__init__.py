"""Facets, their terminations and the slabs that are cut there."""
