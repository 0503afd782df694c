"""Figures of numbers that were computed elsewhere."""
