"""Coherent stacks of two or three materials: matched, placed, searched and checked."""
