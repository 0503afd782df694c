"""Relaxed cells against references: lattices, surface and interface energies."""
