"""Oxidation and spin states of crystals that do not say them."""
