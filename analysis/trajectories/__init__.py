"""Trajectory files of every format as one stream of frames."""
