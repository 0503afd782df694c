"""Densities of states: band centres, their zeros, depth profiles, and the alignment of two materials."""
