"""Engines whose energies and forces come from an ASE calculator."""
