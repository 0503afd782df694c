"""Frames in memory and on disk."""
