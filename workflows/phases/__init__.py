"""Builds the pinned sets of competing phases."""
