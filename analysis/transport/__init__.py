"""Barriers, conductivity, and what moving lithium does to volumes."""
