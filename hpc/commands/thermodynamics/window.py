"""The command ``window``: the electrochemical stability window of a material."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from ..answers.thermodynamics import Window
from ..command import Command
from ..options import MaterialOrFormula, PhaseSetName
from ..output import say, say_notes, table_of
from .conditions import Gases, OwnStore, Solids, chosen_phases, conditions, say_conditions, say_potentials

__all__ = ["COMMAND", "window"]


def window(
    material: MaterialOrFormula,
    temperature: Annotated[
        float | None, typer.Option(help="Temperature, K; with --gas the material is open to the gases too.")
    ] = None,
    gas: Gases = None,
    solids: Solids = "gibbs",
    phase_set: PhaseSetName = None,
    own: OwnStore = None,
) -> dict[str, Any]:
    """Give the electrochemical stability window and ladder, V vs Li/Li+.

    Raises
    ------
    InputError
        If an option does not fit, or the gases contradict each other.
    """
    from ....analysis.thermodynamics.cathode_states import electrode_rows
    from ....analysis.thermodynamics.window import stability_window
    from ....analysis.thermodynamics.window_deviation import limits_by_potential, measured_limits
    from ...proposal.chosen import substance

    material = substance(material)
    pinned = chosen_phases(phase_set, own)
    under = conditions(pinned, temperature, gas or (), solids)
    limits = measured_limits(material, under.phases, under.gases)
    moved = limits_by_potential(material, under.phases, under.gases)
    return {
        **stability_window(material, under.phases, gases=under.gases).to_json(),
        "against_measurement": {name: limit.to_json() for name, limit in limits.items()},
        "by_potential": {name: found.to_json() for name, found in moved.items()},
        "electrodes": [{**asdict(row), "deviation": row.deviation} for row in electrode_rows(pinned, material)],
        **under.document,
        **({"notes": under.notes} if under.notes else {}),
    }


def _show(document: dict[str, Any], material: str) -> None:
    heads = {"voltage": "voltage (V vs Li/Li+)", "reaction": "reaction"}
    table_of(f"{material} on {document['phase_set']['name']}", heads, document["ladder"])
    say_conditions(document)
    limits = [
        f"{name} limit {document[name]:.3f} V" if document[name] is not None else f"no {name} limit"
        for name in ("reduction", "oxidation")
    ]
    say("; ".join(limits))
    for name, found in document["against_measurement"].items():
        other, error = document["uncertainty"][name], found["error"]
        off = "" if error is None else f", against measurement ± {error:.3f} V"
        value = "no number" if found["value"] is None else f"{found['value']:.3f} ± {found['sigma']:.3f} V"
        say(
            f"{name} limit: against other DFT ± {other:.3f} V{off}; from measured enthalpies {value} ({found['basis']})"
        )
    for name, moved in document["by_potential"].items():
        say_potentials(f"{name} limit", moved, "V")
    for row in document["electrodes"]:
        beside = "no measured value at hand" if row["measured"] is None else f"{row['measured']:.2f} V measured"
        say(f"electrode {row['lithiated']} -> {row['delithiated']}: {row['computed']:.2f} V in the set, {beside}")
    if document.get("note"):
        say(f"note: {document['note']}")
    say_notes(document.get("notes", []))


COMMAND = Command(window, _show, Window, several_values=True)
