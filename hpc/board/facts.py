"""What the board tells of one job: its table, and its core hours, forecast and used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...workflows.documents import CalculationDocument

__all__ = ["NO_HOURS", "facts", "forecast_hours", "used_hours"]

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


def facts(row: Mapping[str, Any], document: CalculationDocument | None) -> list[tuple[str, str]]:
    """What stands in the table of a job."""
    told = {
        "key": row["key"],
        "step": row["step"],
        "material": row["material"],
        "variant": row["variant"],
        "engine": row["engine"],
        "host": row["host"],
    }
    told |= {
        "submitted": row["submitted"],
        "started": row["started"],
        "finished": row["finished"],
        "attempts": row["attempts"],
    }
    if row.get("wall_seconds") is not None:
        told["wall time"] = f"{row['wall_seconds']:.1f} s"
    if (used := used_hours(row)) != NO_HOURS:
        told["core hours"] = f"{used}, forecast {forecast_hours(row)}"
    told["imported from"] = row.get("imported")
    if document is not None:
        edges, signature = document.band_edges, document.signature
        told |= {
            "formula": document.formula,
            "energy": f"{document.energy:.6f} eV ({document.energy_per_atom:.6f} eV/atom)",
        }
        told |= {
            "largest force": f"{document.convergence.max_force:.4f} eV/Å",
            "converged": document.convergence.detail or "yes",
        }
        if edges is not None:
            told["band gap"] = f"{edges.gap:.3f} eV"
        if document.magmoms:
            told["moments"] = f"{min(document.magmoms):.2f} to {max(document.magmoms):.2f} µB" + (
                "" if document.moments_signed else " (magnitudes)"
            )
            told["moments by"] = document.moments_by or ""
        told["energy signature"] = f"{signature.engine} {signature.version}, {signature.level}, {signature.potentials}"
        if signature.altered:
            told["altered"] = "; ".join(f"{tag}: {change}" for tag, change in signature.altered.items())
    return [(key, str(value)) for key, value in told.items() if value not in (None, "")]
