"""Crystals of the library and of the user: cells, orderings, symmetry, magnetism, charges, files."""
