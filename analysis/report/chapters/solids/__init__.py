"""Chapters on solids by themselves: barriers, conductivity, elasticity, oxygen at surfaces, and the void that opens."""
