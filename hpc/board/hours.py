"""Core hours of a job, forecast and used, as the board writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["NO_HOURS", "forecast_hours", "used_hours"]

#: in place of a number that is not known
NO_HOURS = "–"


def forecast_hours(row: Mapping[str, Any]) -> str:
    """Forecast of a job, core h."""
    return _hours(row.get("cost_seconds") or None)


def used_hours(row: Mapping[str, Any]) -> str:
    """Used by a job that has ended, core h: wall time × cores, one where its record does not say how many."""
    wall = row.get("wall_seconds")
    return _hours(None if wall is None else float(wall) * float(row.get("cores") or 1))


def _hours(seconds: float | None) -> str:
    return NO_HOURS if seconds is None else f"{seconds / 3600:.3g}"
