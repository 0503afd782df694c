"""catholyte: why an oxide cathode reacts with a solid electrolyte, and which surface layer stops it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .configs.homes import FormerHomes

if TYPE_CHECKING:
    from .hpc.notebook import Campaign

__all__ = ["Campaign", "__version__"]
__version__ = "0.1.0"

FormerHomes.install()


def __getattr__(name: str) -> Any:
    """Import :class:`Campaign` when it is asked for first: the command line starts without it."""
    if name == "Campaign":
        from .hpc.notebook import Campaign

        return Campaign
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
