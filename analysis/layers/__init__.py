"""Layered oxides: planes of oxygen, layers of cations, mixing and class."""
