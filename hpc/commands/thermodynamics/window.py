"""The command ``window``: the electrochemical stability window of a material."""

from __future__ import annotations

from typing import Any

from ..command import Command
from ..options import MaterialOrFormula, PhaseSetName
from ..output import say, table_of
from .phases import OwnStore, chosen_phases

__all__ = ["COMMAND", "window"]


def window(
    material: MaterialOrFormula,
    phase_set: PhaseSetName = None,
    own: OwnStore = None,
) -> dict[str, Any]:
    """Give the electrochemical stability window and ladder, V vs Li/Li+."""
    from ....analysis.thermodynamics.window import stability_window

    return stability_window(material, chosen_phases(phase_set, own)).to_json()


def _show(document: dict[str, Any], material: str) -> None:
    heads = {"voltage": "voltage (V vs Li/Li+)", "reaction": "reaction"}
    table_of(f"{material} on {document['phase_set']['name']}", heads, document["ladder"])
    limits = [
        f"{name} limit {document[name]:.3f} V" if document[name] is not None else f"no {name} limit"
        for name in ("reduction", "oxidation")
    ]
    say("; ".join(limits))
    if document.get("note"):
        say(f"note: {document['note']}")


COMMAND = Command(window, _show)
