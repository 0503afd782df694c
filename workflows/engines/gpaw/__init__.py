"""GPAW in a process of its own."""
