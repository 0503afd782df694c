"""catholyte: why an oxide cathode reacts with a solid electrolyte, and which surface layer stops it."""

from __future__ import annotations

__all__ = ["__version__"]
__version__ = "0.1.0"
