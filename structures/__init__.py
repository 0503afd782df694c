"""Crystals, slabs, interfaces, defects and trajectories as plain structures; nothing here runs an engine."""
